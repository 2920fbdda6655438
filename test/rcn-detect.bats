#!/usr/bin/env bats
# rcn-detect: what an app is, how it is built, what it runs.
load lib

plan() {
	rcn-detect -q "$@" 2>/dev/null | jq -c .plan
}

app() { # makes folder app of NAME=CONTENT words
	mkdir -p app
	local one

	for one in "$@"; do
		mkdir -p "app/$(dirname "${one%%=*}")"
		printf '%s' "${one#*=}" >"app/${one%%=*}"
	done
}

# After `run`: what is asked of the plan.
is() {
	local got

	got=$(jq -r "$1" <<<"$output")
	[ "$got" = "$2" ] || {
		echo "$1: '$got', not '$2'" >&2
		echo "$output" >&2
		return 1
	}
}

warned() {
	jq -e --arg t "$1" 'any(.warnings[]; contains($t))' <<<"$output" \
	    >/dev/null || {
		echo "no warning of '$1'" >&2
		jq .warnings <<<"$output" >&2
		return 1
	}
}

@test "rcn-detect: the plan of each sample app is as it was" {
	for dir in "$APPS"/*/; do
		name=$(basename "$dir")
		[ -f "$ROOT/test/golden/$name.json" ] || continue
		run -0 --separate-stderr rcn-detect -q "$dir"
		validate_doc <<<"$output"
		jq -S '.plan | del(.key)' <<<"$output" >got
		diff -u "$ROOT/test/golden/$name.json" got
	done
}

@test "rcn-detect: a bare repository gives the plan of its folder" {
	cp -r "$APPS/express" work
	git -C work init -q
	git -C work add -A
	git -C work commit -qm one
	git clone -q --bare work app.git
	run -0 --separate-stderr rcn-detect --git app.git --commit HEAD
	validate_doc <<<"$output"
	jq -S '.plan | del(.key)' <<<"$output" >got
	diff -u "$ROOT/test/golden/express.json" got
	[ "$(jq -r .source.commit <<<"$output")" = \
	    "$(git -C work rev-parse HEAD)" ]
}

@test "rcn-detect: a tar file gives the plan of its folder" {
	tar -C "$APPS/express" -cf app.tar .
	run -0 --separate-stderr rcn-detect --tar app.tar
	validate_doc <<<"$output"
	jq -S '.plan | del(.key)' <<<"$output" >got
	diff -u "$ROOT/test/golden/express.json" got
}

@test "rcn-detect: as a filter it takes the document's source" {
	rcn-detect -q "$APPS/express" >first
	jq -c 'del(.plan)' first >document
	run -0 --separate-stderr rcn-detect -d document
	[ "$(jq -cS .plan <<<"$output")" = "$(jq -cS .plan first)" ]
}

@test "rcn-detect: an equal key passes the section on" {
	rcn-detect -q "$APPS/express" | jq -c '.plan.mine = 1' >document
	run -0 --separate-stderr rcn-detect -q <document
	[ "$(jq .plan.mine <<<"$output")" = 1 ]
	jq -c '.plan.key = "0"' document >other
	run -0 --separate-stderr rcn-detect -q <other
	[ "$(jq .plan.mine <<<"$output")" = null ]
}

@test "rcn-detect: versions, by the strongest that says one" {
	app 'package.json={"engines":{"node":">=18 <23"},"main":"a.js"}' a.js=1
	run plan app
	is .version 22
	is '.why[] | select(.fact == "version") | .file' package.json
	echo lts/iron >app/.nvmrc
	run plan app
	is .version 20
	is '.why[] | select(.fact == "version") | .over' \
	    '">=18 <23" (package.json:1)'
	echo '24' >app/.nvmrc
	run plan app
	is .version 24
	warned 'contradicts'
	echo '22.3.0' >app/.nvmrc
	run plan app
	is .version 22.3.0
	echo '>=99' >app/.nvmrc
	run plan app
	is .version 22
	warned '.nvmrc:1: ">=99": no known nodejs satisfies it'
	echo 16 >app/.nvmrc
	run plan app
	warned 'has had no security fixes since 2023-09-11'
}

@test "rcn-detect: versions of python" {
	app requirements.txt= main.py=1 \
	    $'pyproject.toml=[project]\nname = "x"\nrequires-python = "~=3.11.2"'
	run plan app
	is .version 3.11
	echo python-3.12.4 >app/runtime.txt
	run plan app
	is .version 3.12.4
	echo 3.10 >app/.python-version
	run plan app
	is .version 3.10
	rm app/.python-version app/runtime.txt app/pyproject.toml
	run plan app
	is .version 3.13
	warned 'no version of python is asked for'
}

@test "rcn-detect: package managers, by field and by lock file" {
	app 'package.json={"main":"a.js","dependencies":{"x":"1"}}' a.js=1
	run plan app
	is .package_manager npm
	is '.install[0]' 'npm install'
	printf 'lockfileVersion: "6.0"\n' >app/pnpm-lock.yaml
	run plan app
	is .package_manager pnpm
	is .package_manager_version 8
	is '.install[0]' 'pnpm install --frozen-lockfile'
	touch app/package-lock.json
	run plan app
	warned 'package-lock.json is not read: it is pnpm-lock.yaml'
	printf '{"main":"a.js","packageManager":"yarn@3.2.1+sha224.0"}' \
	    >app/package.json
	run plan app
	is .package_manager yarn
	is .package_manager_version 3.2.1
	is '.install[0]' 'yarn install'
	warned 'is not read'
}

@test "rcn-detect: what installing needs is copied first, or everything" {
	app 'package.json={"main":"a.js","dependencies":{"x":"1"}}' a.js=1 \
	    .npmrc= patches/x.patch=
	run plan app
	is '.manifests | join(" ")' 'package.json .npmrc patches/'
	for s in '"scripts":{"postinstall":"prisma generate"}' \
	    '"workspaces":["a"]' '"dependencies":{"b":"file:./b"}'; do
		echo "{\"main\":\"a.js\",$s}" >app/package.json
		run plan app
		is '.manifests | length' 0
	done
}

@test "rcn-detect: a development server is never the start command" {
	local start want

	app a.js=1
	while IFS='>' read -r start want; do
		jq -n --arg s "$start" '{scripts: {start: $s}}' \
		    >app/package.json
		run plan app
		is '.processes[0].command | if type == "array" then join(" ")
		    else . end' "$want"
		warned 'development server'
	done <<'END'
nodemon a.js>node a.js
node --watch a.js>node a.js
npx nodemon a.js>node a.js
cross-env A=b nodemon a.js>cross-env A=b node a.js
NODE_ENV=development nodemon a.js>NODE_ENV=development node a.js
END
	for start in 'next dev' 'ng serve' 'webpack serve' 'vite preview'; do
		jq -n --arg s "$start" '{scripts: {start: $s}}' \
		    >app/package.json
		run -65 --separate-stderr rcn-detect app
		[[ $stderr == *"serves development"* ]]
	done
}

@test "rcn-detect: next, by what its configuration says" {
	app 'package.json={"scripts":{"dev":"next dev","build":"next build"},
	    "dependencies":{"next":"1"}}'
	run plan app
	is '.processes[0].command | join(" ")' 'next start'
	is .output server
	echo '// output: "export"' >app/next.config.js
	run plan app
	is .output server
	echo 'module.exports = { output: "export" }' >app/next.config.js
	run plan app
	is .output static
	is .static_root out
	echo 'module.exports = { output: "standalone" }' >app/next.config.js
	run plan app
	is .output standalone
}

@test "rcn-detect: vite serves files, unless a server is started" {
	app 'package.json={"scripts":{"start":"vite"},
	    "devDependencies":{"vite":"1"}}' index.html= \
	    'vite.config.js=export default { build: { outDir: "./out" } }'
	run plan app
	is .output static
	is .static_root out
	is .spa true
	warned "'vite' is a development server"
	app server.js=1 'package.json={"scripts":{"start":"node server.js"},
	    "devDependencies":{"vite":"1"}}'
	run plan app
	is .output server
}

@test "rcn-detect: what a start command names is looked up" {
	app 'package.json={"scripts":{"start":"node gone.js"},"main":"a.js"}' \
	    a.js=1
	run plan app
	is '.processes[0].command | join(" ")' 'node a.js'
	warned 'gone.js is not in the tree'
	app 'package.json={"scripts":{"start":"node dist/a.js","build":"tsc"}}'
	run plan app
	is '.processes[0].command | join(" ")' 'node dist/a.js'
	app 'package.json={"scripts":{"start":"tsc && node dist/a.js"}}'
	run plan app
	is '.build[0]' tsc
	is '.processes[0].command | join(" ")' 'node dist/a.js'
	app Procfile='web: gunicorn gone:app' requirements.txt=flask \
	    $'main.py=from flask import Flask\napp = Flask(__name__)\n'
	rm app/package.json
	run plan app
	is '.processes[0].command | join(" ")' 'gunicorn main:app'
	warned 'Procfile:1: gone:app is not in the tree'
}

@test "rcn-detect: the application object of python is found by reading" {
	app requirements.txt=flask src/site/__init__.py= \
	    $'src/site/web.py=import flask\n\nthing: flask.Flask = flask.Flask(__name__)\n'
	run plan app
	is '.processes[0].command | join(" ")' \
	    'gunicorn --chdir src site.web:thing'
	is '.install[1]' 'pip install gunicorn'
	rm -r app/src
	app $'pkg/__init__.py=def create_app(a, b=1):\n  return Flask(a)\n' \
	    $'wsgi.py=from pkg import create_app\napp = create_app("x")\n'
	run plan app
	is '.processes[0].command | join(" ")' 'gunicorn wsgi:app'
	echo 'fastapi[standard]' >app/requirements.txt
	app $'pkg/__init__.py=' $'wsgi.py=' \
	    $'pkg/api.py=service = FastAPI()\n'
	run plan app
	is '.processes[0].command' \
	    'uvicorn pkg.api:service --host 0.0.0.0 --port $PORT'
	is '.install | length' 1
}

@test "rcn-detect: dependencies of a pyproject.toml are installed as declared" {
	app main.py=1 $'pyproject.toml=[project]\nname = "x"\ndependencies = ["a>=1; python_version>\'3\'", "b[c]"]\n'
	run plan app
	is '.install[0] | join(" ")' \
	    "pip install a>=1; python_version>'3' b[c]"
	touch app/uv.lock
	run plan app
	is .package_manager uv
	is '.manifests | join(" ")' 'pyproject.toml uv.lock'
	rm app/uv.lock
	app $'pyproject.toml=[tool.poetry.dependencies]\npython = "^3.11"\na = "^1.2"\nb = {version = "~2.1", extras = ["x", "y"]}\nc = "*"\nd = "1.0"\n'
	run plan app
	is .version 3.13
	is '.install[0] | join(" ")' 'pip install a>=1.2,<2 b[x,y]>=2.1 c d==1.0'
	touch app/poetry.lock
	run plan app
	is .package_manager poetry
}

@test "rcn-detect: django's settings name its wsgi module" {
	cp -r "$APPS/django" app
	rm app/Procfile
	run plan app
	is '.processes[0].command | join(" ")' \
	    'gunicorn site_config.wsgi:application'
	sed -i '/STATIC_ROOT/d' app/site_config/settings.py
	run plan app
	is '.build | length' 0
}

@test "rcn-detect: go, the package that opens a port" {
	app $'go.mod=module example.org/thing/v2\n\ngo 1.24.1\n' \
	    $'main.go=package main\n\nfunc main() { http.ListenAndServe() }\n' \
	    $'lib/x.go=package lib\n' web/page.html=x
	run plan app
	is .runtime go
	is .version 1.24
	is .output binary
	is '.artifacts[0]' bin/thing
	is '.assets | join(" ")' web/
	is '.processes[0].command | join(" ")' bin/thing
	warned 'go 1.24 has had no security fixes since'
	rm app/main.go
	app $'cmd/tool/main.go=package main\n\nfunc main() {}\n' \
	    $'cmd/api/main.go=package main\n// +x\nfunc main() { s.Listen(":1") }\n' \
	    $'cmd/api/c.go=package main\n\nimport "C"\n' \
	    $'gen.go=//go:build ignore\n\npackage main\nfunc main() {}\n'
	run plan app
	is '.processes[0].command | join(" ")' bin/api
	is '.why[] | select(.fact == "start") | "\(.file):\(.line)"' \
	    cmd/api/main.go:3
	is .output server
	is '.build | length' 1
	echo 'web: go run ./cmd/tool' >app/Procfile
	run plan app
	warned "'go run'"
	is '.processes[0].command | join(" ")' bin/api
	echo 'web: tool -w' >app/Procfile
	run plan app
	is '.artifacts | join(" ")' 'bin/api bin/tool'
	echo 'web: bin/tool -v' >app/Procfile
	run plan app
	is '.processes[0].command | join(" ")' 'bin/tool -v'
	is '.artifacts | join(" ")' 'bin/api bin/tool'
	rm -r app/cmd app/Procfile
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"go.mod has no package main"* ]]
}

@test "rcn-detect: go, whatever is missing" {
	app $'main.go=package main\n\nfunc main() {}\n' \
	    $'mise.toml=[tools]\ngo = "1.26"\n'
	run plan app
	is .version 1.26
	is '.build[0]' 'go mod init app && go mod tidy'
	warned 'no go.mod'
	rm app/mise.toml
	app $'go.mod=module x\ntoolchain go1.27.1\nrequire a.b/c v1.0.0\n'
	run plan app
	is .version 1.27
	is '.install | length' 0
	warned 'no go.sum'
	touch app/go.sum
	run plan app
	is '.install[0]' 'go mod download'
	is '.manifests | join(" ")' 'go.mod go.sum'
	app vendor/modules.txt=
	run plan app
	is '.install | length' 0
	app $'go.mod=module x\ngo 9.1\n'
	run plan app
	is .version 9.1
}

@test "rcn-detect: ruby, by what serves it" {
	app $'Gemfile=ruby "~> 3.2"\ngem "rack"\ngem "falcon"\n' config.ru=
	run plan app
	is .version 3.4
	is '.processes[0].command' \
	    'bundle exec falcon serve --bind http://0.0.0.0:$PORT'
	warned 'no lock file'
	echo ruby-3.3.1 >app/.ruby-version
	run plan app
	is .version 3.3.1
	is '.why[] | select(.fact == "version") | .over' '"~> 3.2" (Gemfile:1)'
	app $'Gemfile=ruby "3.1.4"\n'
	run plan app
	is .version 3.1.4
	warned '.ruby-version:1: "ruby-3.3.1" contradicts "3.1.4" of Gemfile'
	warned 'has had no security fixes'
	rm app/config.ru
	app $'Gemfile=gem "sinatra"\n' 'app.rb=require "sinatra"'
	run plan app
	is '.processes[0].command' \
	    'bundle exec ruby app.rb -o 0.0.0.0 -p $PORT'
	app $'Gemfile.lock=GEM\n  specs:\n    mysql2 (0.5)\n\nPLATFORMS\n  arm64-darwin\n'
	run plan app
	is '.install[0]' 'bundle install'
	is '.packages[0]' libmariadb3
	warned 'no gems for linux'
	rm app/app.rb
	run -65 --separate-stderr rcn-detect app
	[ "$(jq -r .error.code <<<"$output")" = no-start ]
	[[ $stderr == *"this is ruby"*"no config.ru"* ]]
}

@test "rcn-detect: php, from which folder and with which extensions" {
	app 'composer.json={"require":{"php":"~8.1.2 || ^8.2","ext-redis":"*"}}' \
	    web/index.php=
	run plan app
	is .version 8.4
	is .static_root web
	is '.extensions | join(" ")' 'redis opcache'
	is '.processes[0].command | join(" ")' apache2-foreground
	warned 'no lock file'
	echo 'web: vendor/bin/heroku-php-apache2 -F x.conf htdocs/' \
	    >app/Procfile
	run plan app
	is .static_root htdocs
	warned 'Procfile:1: the web server of Heroku'
	app 'composer.json={"require":{"php":"7.4.*","slim/slim":"4"}}' \
	    public/index.php= Procfile=
	run plan app
	is .version 7.4
	is .static_root public
	is .spa true
	warned 'has had no security fixes since 2022-11-28'
	app composer.json='{}' $'public/db.php=<?php\n$c = new mysqli("db");'
	run plan app
	is '.extensions | join(" ")' 'mysqli opcache'
	is '.why[] | select(.value == "mysqli") | "\(.file):\(.line)"' \
	    public/db.php:2
	rm -r app/*
	app 'composer.json={"name":"a/b","require":{}}' src/A.php=
	run -65 --separate-stderr rcn-detect app
	[ "$(jq -r .error.code <<<"$output")" = no-start ]
}

@test "rcn-detect: a package.json beside another runtime only builds assets" {
	app public/index.php= pnpm-lock.yaml='lockfileVersion: "9.0"' \
	    'package.json={"scripts":{"build":"vite build","start":"node x.js"}}'
	run plan app
	is .runtime php
	is .node 24
	is '.install | join(" ")' \
	    'npm install -g pnpm@9 && pnpm install --frozen-lockfile'
	is '.build | join(" ")' 'pnpm run build'
	is '.package_manager' null
	rm app/public/index.php
	app requirements.txt=flask app.py='app = Flask()'
	run plan app
	is .runtime python
	is '.install[1]' \
	    'npm install -g pnpm@9 && pnpm install --frozen-lockfile'
	is '.manifests | join(" ")' 'requirements.txt package.json pnpm-lock.yaml'
	rm app/requirements.txt app/app.py
	app $'mix.exs=def project do [app: :a, mod: {A, []}] end\n'
	run plan app
	is .runtime elixir
	is .node 24
	rcn-detect -q app | rcn-dockerfile --print >text
	grep -q '^COPY --from=node:24-slim /usr/local/bin/' text
	[ "$(rcn-detect -q app | rcn-dockerfile |
	    jq -c .dockerfile.bases)" = \
	    '["elixir:1.19-slim","node:24-slim","debian:trixie-slim"]' ]
}

@test "rcn-detect: rust, which binary" {
	app $'Cargo.toml=[package]\nname = "lib"\nedition = "2024"\n[dependencies]\naxum = "0.8"\n' \
	    src/lib.rs=
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"this is rust"*"a library"* ]]
	app 'src/bin/tool.rs=fn main() {}' \
	    'src/bin/web/main.rs=TcpListener::bind' \
	    $'Cargo.lock=[[package]]\nname = "openssl-sys"\nversion = "0.9"\n'
	run plan app
	is .framework axum
	is '.artifacts | join(" ")' target/release/web
	is '.build[0]' 'cargo build --release --locked --bin web'
	is '.packages[0]' libssl3
	is '.build_packages | join(" ")' 'libssl-dev pkg-config'
	echo 'tool: target/release/tool' >app/Procfile
	run plan app
	is '.artifacts | join(" ")' 'target/release/tool target/release/web'
	echo 1.85.0 >app/rust-toolchain
	run plan app
	is .version 1.85.0
	rm -r app/*
	app $'Cargo.toml=[workspace]\nmembers = ["crates/*"]\n' \
	    $'crates/a/Cargo.toml=[package]\nname = "a"\n' \
	    $'crates/b/Cargo.toml=[package]\nname = "b"\n' \
	    crates/a/src/lib.rs= crates/b/src/main.rs='fn main() {}' \
	    $'rust-toolchain.toml=[toolchain]\nchannel = "nightly"\n'
	run plan app
	is '.build[0]' 'RUSTC_BOOTSTRAP=1 cargo build --release -p b --bin b'
	warned "rust-toolchain.toml:2: 'nightly'"
}

@test "rcn-detect: java, its version and what is started" {
	app $'pom.xml=<project><properties><java.version>1.8</java.version>\n</properties><build><plugins><plugin><artifactId>maven-shade-plugin</artifactId></plugin></plugins></build></project>'
	run plan app
	is .version 8
	is '.processes[0].command | join(" ")' \
	    'java -XX:MaxRAMPercentage=75 -jar app.jar'
	warned 'no wrapper: maven'
	app 'pom.xml=<project><parent><groupId>io.quarkus</groupId></parent></project>' \
	    mvnw= .mvn/wrapper/maven-wrapper.properties= \
	    system.properties='java.runtime.version=25'
	run plan app
	is .version 25
	is '.build[0]' 'sh mvnw -B -DskipTests package'
	is '.artifacts[0]' target/quarkus-app
	app 'pom.xml=<project><packaging>war</packaging></project>'
	run plan app
	is .output war
	rcn-detect -q app | rcn-dockerfile --print | grep -q '^FROM tomcat:'
	app 'pom.xml=<project><modules><module>lib</module><module>web</module></modules><packaging>pom</packaging></project>' \
	    'lib/pom.xml=<project/>' \
	    'web/pom.xml=<project><build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build></project>'
	run plan app
	is '.build[0]' 'sh mvnw -B -DskipTests -pl web -am package'
	app 'pom.xml=<project><parent><groupId>org.springframework.boot</groupId></parent><modules><module>lib</module><module>web</module></modules><packaging>pom</packaging><build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build></project>' \
	    'web/pom.xml=<project/>' \
	    'web/src/main/java/org/a/b/c/App.java=public static void main(' \
	    mvnw= .mvn/wrapper/maven-wrapper.properties=
	run plan app
	is '.build[0]' 'sh mvnw -B -DskipTests -pl web -am package'
	is '.processes[0].command | join(" ")' \
	    'java -XX:MaxRAMPercentage=75 -jar app.jar'
	app $'pom.xml=<project>\n<a></b>'
	run -65 --separate-stderr rcn-detect app
	[ "$(jq -r .error.code <<<"$output")" = bad-xml ]
	[[ $stderr == *"pom.xml:2: "* ]]
	rm -r app/* app/.mvn
	app $'build.gradle=plugins { id "org.springframework.boot" }\nsourceCompatibility = JavaVersion.VERSION_17\n'
	run plan app
	is .version 17
	is '.build[0]' 'gradle --no-daemon bootJar'
	app $'build.gradle=plugins { id "java-library" }\n'
	run -65 --separate-stderr rcn-detect app
	[ "$(jq -r .error.code <<<"$output")" = no-start ]
}

@test "rcn-detect: bun runs what is Bun's, and installs the rest" {
	app 'package.json={"scripts":{"start":"next start","build":"next build"},
	    "dependencies":{"next":"1"}}' bun.lock=
	run plan app
	is .runtime nodejs
	is .package_manager bun
	is '.install[0]' 'bun install --frozen-lockfile'
	app 'package.json={"module":"index.ts","packageManager":"bun@1.2.3"}' \
	    'index.ts=Bun.serve({})'
	run plan app
	is .runtime bun
	is .version 1.2.3
	is '.processes[0].command | join(" ")' 'bun run index.ts'
	app 'package.json={"scripts":{"start":"bun --watch index.ts"}}'
	run plan app
	is '.processes[0].command | join(" ")' 'bun index.ts'
	warned 'development server'
}

@test "rcn-detect: deno, a task or a module" {
	app $'deno.json={\n// c\n"tasks": {"start": "deno run -A --watch=a src/x.ts"}}' \
	    src/x.ts=1 deno.lock='{}'
	run plan app
	is '.processes[0].command | join(" ")' 'deno run -A src/x.ts'
	is '.install[0]' 'deno install --frozen'
	warned 'development server'
	app 'deno.json={"imports":{"fresh":"jsr:@fresh/core@2"},
	    "tasks":{"build":"vite build"}}' main.ts=1
	run plan app
	is .framework fresh
	is '.processes[0].command | join(" ")' \
	    'deno serve --allow-all _fresh/server.js'
	is '.build[1]' 'deno task build'
	echo v2.1.4 >app/.deno-version
	run plan app
	is .version 2.1.4
}

@test "rcn-detect: elixir and dotnet" {
	app $'mix.exs=# app: :no\ndef project do\n [app: :shop, elixir: "~> 1.16 or ~> 1.17"]\nend\n'
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"this is elixir"*"a library"* ]]
	app $'mix.exs=[app: :shop, elixir: "~> 1.16.0 or ~> 1.17.0",\n releases: [web: []], mod: {A, []}]\n' \
	    rel/overlays/bin/server=
	run plan app
	is .version 1.17
	is '.artifacts[0]' _build/prod/rel/web
	is '.processes[0].command | join(" ")' _build/prod/rel/web/bin/server
	rm -r app/*
	app 'A.fsproj=<Project Sdk="Microsoft.NET.Sdk.Worker"><PropertyGroup><TargetFrameworks>net6.0;net8.0</TargetFrameworks><AssemblyName>Job</AssemblyName></PropertyGroup></Project>' \
	    'global.json={"sdk":{"version":"8.0.404"}}'
	run plan app
	is .version 8.0
	is .package_manager_version 8.0.404
	is '.processes[0].command | join(" ")' 'dotnet out/Job.dll'
	rcn-detect -q app | rcn-dockerfile --print >text
	grep -q '^FROM mcr.microsoft.com/dotnet/runtime:8.0$' text
	app 'A.fsproj=<Project Sdk="Microsoft.NET.Sdk.BlazorWebAssembly"/>'
	run plan app
	is .output static
	is .static_root out/wwwroot
	app 'A.fsproj=<Project Sdk="Microsoft.NET.Sdk"/>'
	run -65 --separate-stderr rcn-detect app
	[ "$(jq -r .error.code <<<"$output")" = no-start ]
}

@test "rcn-detect: a hostile name is no part of a command" {
	app $'go.mod=module x\n' $'cmd/a;id/main.go=package main\nfunc main() {}\n'
	run -65 --separate-stderr rcn-detect app
	rm -r app/*
	app $'Cargo.toml=[package]\nname = "a;id"\n' 'src/main.rs=fn main() {}'
	run -65 --separate-stderr rcn-detect app
	rm -r app/*
	app $'mix.exs=[app: :"a;id", mod: {A, []}]\n'
	run -65 --separate-stderr rcn-detect app
	rm -r app/*
	app 'composer.json={"require":{"ext-a;id":"*"}}' index.php=
	run plan app
	is '.extensions | join(" ")' opcache
	app 'a b.csproj=<Project Sdk="Microsoft.NET.Sdk.Web"/>'
	rm app/index.php app/composer.json
	run -65 --separate-stderr rcn-detect app
}

@test "rcn-detect: a build of one's own says what it leaves, or ships all" {
	app $'go.mod=module x\ngo 1.26\n' $'main.go=package main\nfunc main() {}\n' \
	    'rcn.json={"build": ["make"], "start": "out/x"}'
	run plan app
	is '.artifacts | length' 0
	rcn-detect -q app | rcn-dockerfile --print >text
	grep -q '^COPY --from=build --chown=app:app /app/ ./' text
	app 'rcn.json={"build": ["make"], "artifacts": ["out/x"],
	    "start": "out/x"}'
	rcn-detect -q app | rcn-dockerfile --print >text
	grep -qF 'cp -r --parents out/x /out/' text
	app 'rcn.json={"build": ["make"], "artifacts": ["out/x;id"],
	    "start": "out/x"}'
	rcn-detect -q app >document
	run -65 rcn-dockerfile <document
}

@test "rcn-detect: every process of a Procfile is kept" {
	app requirements.txt= w.py=1 main.py=1 \
	    $'Procfile=web: python main.py\nmail_worker: python w.py\nrelease: python w.py up'
	run plan app
	is '[.processes[].name] | join(" ")' 'web mail-worker'
	is '.release[0] | join(" ")' 'python w.py up'
}

@test "rcn-detect: precedence: project, rcn.json, what is found" {
	app 'package.json={"main":"a.js"}' a.js=1 b.js=1 c.js=1 \
	    $'rcn.json={\n // why\n "start": "node b.js",\n "health": {"path": "/up"},\n "version": "20"}'
	run plan app
	is '.processes[0].command | join(" ")' 'node b.js'
	is .health_path /up
	is .version 20
	is '.why[] | select(.fact == "start") | "\(.file):\(.line)"' rcn.json:3
	echo '{"slug":"app","start":"node c.js","release":["node a.js"]}' \
	    >project.json
	run plan --project project.json app
	is '.processes[0].command | join(" ")' 'node c.js'
	is '.release[0]' 'node a.js'
}

@test "rcn-detect: the repository's own Dockerfile comes first" {
	cp -r "$APPS/express" app
	printf 'FROM scratch\n' >app/Dockerfile
	echo Dockerfile >app/.dockerignore
	run plan app
	is .runtime dockerfile
	echo '{"runtime":"nodejs"}' >app/rcn.json
	run plan app
	is .runtime nodejs
	echo '{"dockerfile":"gone"}' >app/rcn.json
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"gone: is not in the tree"* ]]
}

@test "rcn-detect: nothing known is said, with the nearest miss" {
	mkdir empty
	run -65 --separate-stderr rcn-detect empty
	[ "$(jq -r .error.code <<<"$output")" = no-runtime ]
	validate_doc <<<"$output"
	app requirement.txt=flask
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"is it meant to be requirements.txt?"* ]]
	rm app/requirement.txt
	app web/package.json='{"main":"a.js"}' web/a.js=1
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"--root web (nodejs)"* ]]
	run -0 --separate-stderr rcn-detect -q --root web app
	[ "$(jq -r .plan.runtime <<<"$output")" = nodejs ]
	app 'package.json={"name":"lib","exports":{}}'
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"no start script, no main file"* ]]
}

@test "rcn-detect: a wrong file is named with its line" {
	app $'package.json={\n"a": }'
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"package.json:2:"* ]]
	[ "$(jq -r .error.code <<<"$output")" = bad-json ]
	rm app/package.json
	app $'pyproject.toml=[project]\nx = 1\nx = 2\n'
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"pyproject.toml:3: x: is defined already"* ]]
	app $'rcn.json={\n"mounts": []}'
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"rcn.json:2: a repository cannot set 'mounts'"* ]]
	rm app/pyproject.toml
	app index.html=x $'rcn.json={"processes": {"tick": {"kind": "job"}}}'
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"rcn.json: processes.tick: kind: not web, worker or cron"* ]]
	app $'rcn.json={"processes": {"tick": {"schedule": "0 3 * *"}}}'
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"rcn.json: processes.tick: schedule: not a schedule"* ]]
	rm app/rcn.json
	echo '{"processes": {"tick": {"kind": 5}}}' >project.json
	run -65 --separate-stderr rcn-detect app --project project.json
	[[ $stderr == *"project.json: processes.tick.kind: not a string"* ]]
	app $'Procfile=web: x\nnonsense\n'
	run -65 --separate-stderr rcn-detect app
	[[ $stderr == *"Procfile:2:"* ]]
}

@test "rcn-detect: hostile trees are told, not followed" {
	app a.js=1
	ln -s /etc/passwd app/package.json
	ln -s loop app/loop
	mkdir "app/\$(id)"$'\n{{x}}'
	printf x >"app/\$(id)"$'\n{{x}}/\xff'
	run -65 --separate-stderr rcn-detect app
	[ "$(jq -r .error.code <<<"$output")" = link-leaves-tree ]
	rm app/package.json
	app 'package.json={"main":"a.js","name":"x\n\nRUN evil"}'
	run -0 --separate-stderr rcn-detect app
	[ "$(jq -r .plan.runtime <<<"$output")" = nodejs ]
	rm app/package.json
	truncate -s 1G app/package.json
	run -65 --separate-stderr rcn-detect app
	[ "$(jq -r .error.code <<<"$output")" = too-large ]
}

@test "rcn-detect: --explain says why, for a person" {
	run -0 --separate-stderr rcn-detect --explain "$APPS/express-pnpm"
	[[ $output == *'version          22  (.nvmrc:1, over ">=22" (package.json:7))'* ]]
}

@test "rcn-detect: usage, empty input, closed and full descriptors" {
	run -0 rcn-detect -h
	run -0 rcn-detect -V
	run -64 rcn-detect --nonsense
	run -64 rcn-detect a b
	run -64 rcn-detect --git a --tar b
	run -64 rcn-detect --slug x
	run -64 rcn-detect --commit x a
	run -66 rcn-detect gone
	run -66 rcn-detect </dev/null
	run -66 rcn-detect <<<'{"rcn"'
	run -65 rcn-detect <<<'not json'
	run -74 sh -c 'rcn-detect <&-'
	run -74 sh -c 'rcn-detect -q "$APPS/express" >/dev/full'
	run -74 sh -c 'rcn-detect --explain "$APPS/express" >/dev/full'
	echo '{"rcn":{"version":1},"project":{"slug":"a"},"deployment":{}}' >d
	run -65 --separate-stderr rcn-detect -d d
	[[ $stderr == *source* ]]
	RCN_SHARE_DIR=$T run -78 rcn-detect "$APPS/express"
}

@test "rcn-detect: an early reader's exit ends it" {
	run -141 bash -c 'exec 9> >(true); wait $!
	    exec rcn-detect -q "$APPS/express" >&9'
}

@test "rcn-detect: it can open no socket and read nothing else" {
	rcn-detect -q "$APPS/express" | jq -c 'del(.plan)' |
	    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=socket,connect,seccomp -o calls \
	    rcn-detect >out
	grep -q seccomp calls
	run ! grep -q -E '^[0-9]+ +(socket|connect)\(' calls
}
