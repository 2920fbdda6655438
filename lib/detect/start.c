#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static bool
is_assignment(const char *word)
{
	size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				"abcdefghijklmnopqrstuvwxyz0123456789");

	return n > 0 && word[n] == '=';
}

bool
start_words(const char *text, struct strvec *words)
{
	const char *s = text;

	while (*(s += strspn(s, " \t")) != '\0') {
		size_t n = strcspn(s, " \t");

		if (*s == '"' || *s == '\'') {
			const char *end = strchr(s + 1, *s);

			if (end == NULL || strchr(" \t", end[1]) == NULL ||
			    memchr(s + 1, '\\', (size_t)(end - s)) != NULL ||
			    (*s == '"' && memchr(s, '$', (size_t)(end - s))))
				return false;
			strvec_addn(words, s + 1, (size_t)(end - s - 1));
			s = end + 1;
			continue;
		}
		for (size_t i = 0; i < n; i++)
			if (strchr("$`;&|<>()*?[]{}~#!\\'\"\n\r", s[i]) != NULL)
				return false;
		strvec_addn(words, s, n);
		s += n;
	}
	return words->n > 0 && !is_assignment(words->v[0]);
}

void
start_set(struct command *c, const char *text)
{
	auto_strvec struct strvec words = { 0 };

	text += strspn(text, " \t");
	if (strncmp(text, "exec ", 5) == 0)
		text += 5;
	if (!start_words(text, &words)) {
		command_shell(c, text);
		return;
	}
	command_release(c);
	for (size_t i = 0; i < words.n; i++)
		strvec_add(&c->argv, words.v[i]);
}

/*
 * Development servers by the words that a command begins with.  What runs
 * instead: the same with the words replaced, or (NULL) nothing that the
 * command itself could say.
 */
static const struct {
	const char *words, *instead;
	const char *but; /* not if this word comes next */
} devs[] = {
	{ "nodemon", "node", NULL },
	{ "node-dev", "node", NULL },
	{ "supervisor", "node", NULL },
	{ "node --watch", "node", NULL },
	{ "tsx watch", "tsx", NULL },
	{ "tsx --watch", "tsx", NULL },
	{ "ts-node-dev", "ts-node", NULL },
	{ "tsnd", "ts-node", NULL },
	{ "fastapi dev", "fastapi run", NULL },
	{ "nest start --watch", "nest start", NULL },
	{ "vite", NULL, "build" },
	{ "next dev", NULL, NULL },
	{ "nuxt dev", NULL, NULL },
	{ "nuxi dev", NULL, NULL },
	{ "astro dev", NULL, NULL },
	{ "astro preview", NULL, NULL },
	{ "ng serve", NULL, NULL },
	{ "react-scripts start", NULL, NULL },
	{ "vue-cli-service serve", NULL, NULL },
	{ "webpack serve", NULL, NULL },
	{ "webpack-dev-server", NULL, NULL },
	{ "parcel", NULL, "build" },
	{ "gatsby develop", NULL, NULL },
	{ "remix dev", NULL, NULL },
	{ "remix vite:dev", NULL, NULL },
	{ "react-router dev", NULL, NULL },
	{ "svelte-kit dev", NULL, NULL },
	{ "vinxi dev", NULL, NULL },
	{ "vitepress dev", NULL, NULL },
	{ "docusaurus start", NULL, NULL },
	{ "expo start", NULL, NULL },
	{ "live-server", NULL, NULL },
	{ "browser-sync", NULL, NULL },
	{ "flask run", NULL, NULL },
	{ "flask --app", NULL, NULL },
	{ "python -m flask", NULL, NULL },
	{ "python manage.py runserver", NULL, NULL },
	{ "python3 manage.py runserver", NULL, NULL },
	{ "python3 -m flask", NULL, NULL },
	{ "python -m http.server", NULL, NULL },
	{ "php -S", NULL, NULL },
	{ "php artisan serve", NULL, NULL },
	{ "php artisan octane:start --watch", "php artisan octane:start",
	    NULL },
	{ "php bin/console server:run", NULL, NULL },
	{ "php spark serve", NULL, NULL },
	{ "symfony serve", NULL, NULL },
	{ "symfony server:start", NULL, NULL },
	{ "bin/dev", NULL, NULL },
	{ "./bin/dev", NULL, NULL },
	{ "rerun", NULL, NULL },
	{ "shotgun", NULL, NULL },
	{ "guard", NULL, NULL },
	{ "jekyll serve", NULL, NULL },
	{ "jekyll s", NULL, NULL },
	{ "hugo server", NULL, NULL },
	{ "hugo serve", NULL, NULL },
	{ "mkdocs serve", NULL, NULL },
	{ "go run", NULL, NULL },
	{ "air", NULL, NULL },
	{ "cargo run", NULL, NULL },
	{ "cargo watch", NULL, NULL },
	{ "cargo shuttle", NULL, NULL },
	{ "mvn spring-boot:run", NULL, NULL },
	{ "./mvnw spring-boot:run", NULL, NULL },
	{ "mvn quarkus:dev", NULL, NULL },
	{ "./mvnw quarkus:dev", NULL, NULL },
	{ "quarkus dev", NULL, NULL },
	{ "gradle bootRun", NULL, NULL },
	{ "./gradlew bootRun", NULL, NULL },
	{ "gradle run", NULL, NULL },
	{ "./gradlew run", NULL, NULL },
	{ "./gradlew quarkusDev", NULL, NULL },
	{ "dotnet run", NULL, NULL },
	{ "dotnet watch", NULL, NULL },
	{ "mix phx.server", NULL, NULL },
	{ "mix run", NULL, NULL },
	{ "iex", NULL, NULL },
	{ "deno task dev", NULL, NULL },
	{ "bun dev", NULL, NULL },
	{ "bun run dev", NULL, NULL },
};

/* Over what only sets the stage for the real command. */
static const char *
real_command(const char *s)
{
	static const char *const wraps[] = { "exec ", "npx ", "cross-env ",
		"env ", "dotenv -- ", "pnpm exec ", "yarn run ", "yarn exec ",
		"uv run ", "poetry run ", "pipenv run ", "pdm run ",
		"bundle exec ", "bunx --bun ", "bunx ", "bun --bun ",
		"tini -- ", "dumb-init ", NULL };
	bool again = true;

	while (again) {
		again = false;
		s += strspn(s, " \t");
		if (is_assignment(s)) {
			s += strcspn(s, " \t");
			again = true;
		}
		for (size_t i = 0; !again && wraps[i] != NULL; i++)
			if (text_starts(s, wraps[i])) {
				s += strlen(wraps[i]);
				again = true;
			}
	}
	return s;
}

/* The rest of s after words, each followed by blanks or the end. */
static const char *
after_words(const char *s, const char *words)
{
	for (;;) {
		size_t n = strcspn(words, " ");

		s += strspn(s, " \t");
		if (strncmp(s, words, n) != 0 ||
		    (s[n] != '\0' && strchr(" \t;&|", s[n]) == NULL))
			return NULL;
		s += n;
		if (words[n] == '\0')
			return s;
		words += n + 1;
	}
}

/* text without the flag, with what stands around it. */
static bool
without_flag(const char *text, const char *flag, struct buf *b)
{
	const char *at = strstr(text, flag);
	size_t n = strlen(flag);

	if (at == NULL || (at > text && at[-1] != ' ') ||
	    (at[n] != '\0' && at[n] != ' ' && at[n] != '='))
		return false;
	if (at[n] == '=')
		n += strcspn(at + n, " ");
	buf_add(b, text, (size_t)(at - text));
	buf_adds(b, at + n + (at[n] == ' '));
	while (b->len > 0 && b->data[b->len - 1] == ' ')
		buf_cut(b, b->len - 1);
	return true;
}

static const char *
dev_segment(const char *text, const char *s, struct buf *instead)
{
	for (size_t i = 0; i < sizeof(devs) / sizeof(*devs); i++) {
		const char *rest = after_words(s, devs[i].words);
		const char *word;

		if (rest == NULL)
			continue;
		word = rest + strspn(rest, " \t");
		if (devs[i].but != NULL && after_words(word, devs[i].but))
			continue;
		if (devs[i].instead != NULL && *word != '-' && *word != '\0') {
			buf_add(instead, text, (size_t)(s - text));
			if (text_ends(buf_str(instead), "npx "))
				buf_cut(instead, instead->len - 4);
			buf_adds(instead, devs[i].instead);
			buf_adds(instead, rest);
		}
		return devs[i].words;
	}
	return NULL;
}

const char *
start_dev(const char *text, struct buf *instead)
{
	static const char *const flags[] = { "--reload", "--watch", "--hot",
		NULL };

	for (const char *s = text; *s != '\0';) {
		const char *name;

		s = real_command(s);
		if ((name = dev_segment(text, s, instead)) != NULL)
			return name;
		s += strcspn(s, ";&|");
		s += strspn(s, ";&|");
	}
	for (size_t i = 0; flags[i] != NULL; i++)
		if (without_flag(text, flags[i], instead))
			return flags[i];
	return NULL;
}

bool
python_module(struct scan *app, const char *dir, const char *module,
    struct buf *path)
{
	static const char *const ends[] = { ".py", "/__init__.py" };

	for (size_t i = 0; i < 2; i++) {
		auto_buf struct buf b = { 0 };

		buf_addf(&b, "%s%s", dir, *dir != '\0' ? "/" : "");
		for (const char *s = module; *s != '\0'; s++)
			buf_addc(&b, *s == '.' ? '/' : *s);
		buf_adds(&b, ends[i]);
		if (scan_has(app, b.data)) {
			buf_adds(path, b.data);
			return true;
		}
	}
	return false;
}

static bool
is_in_new_folder(struct scan *app, const char *path)
{
	auto_free char *top = mem_strndup(path, strcspn(path, "/"));

	return app->plan->build.n > 0 && strchr(path, '/') != NULL &&
	       !scan_has_dir(app, top);
}

/* Will the build make it?  It says so, or it is in a folder that is not
 * there. */
static bool
is_built(struct scan *app, const char *path)
{
	const struct strvec *made = &app->plan->artifacts;

	for (size_t i = 0; i < made->n; i++) {
		size_t n = strlen(made->v[i]);

		if (strncmp(made->v[i], path, n) == 0 &&
		    (path[n] == '\0' || path[n] == '/' ||
			made->v[i][n - 1] == '/'))
			return true;
	}
	return made->n == 0 && is_in_new_folder(app, path);
}

static bool
is_there(struct scan *app, const char *path, bool script)
{
	static const char *const ends[] = { "", ".js", ".mjs", ".cjs", ".ts",
		"/index.js", "/index.mjs", "/index.ts", "/package.json", NULL };

	while (text_starts(path, "./"))
		path += 2;
	if (*path == '/' || text_starts(path, "node_modules/"))
		return true; /* of the image, or installed */
	for (size_t i = 0; ends[i] != NULL && (i == 0 || script); i++) {
		auto_buf struct buf b = { 0 };

		buf_addf(&b, "%s%s", path, ends[i]);
		if (scan_has(app, b.data))
			return true;
	}
	return (script && strcmp(path, ".") == 0 &&
		   is_there(app, "index", true)) ||
	       is_built(app, path);
}

/* The first word that is no option; options in with_value take one more. */
static const char *
operand(const struct strvec *w, const char *with_value)
{
	for (size_t i = 1; i < w->n; i++) {
		auto_buf struct buf b = { 0 };

		if (w->v[i][0] != '-')
			return w->v[i];
		buf_addf(&b, " %s ", w->v[i]);
		if (strchr(w->v[i], '=') == NULL &&
		    strstr(with_value, b.data) != NULL)
			i++;
	}
	return NULL;
}

static const char *
option(const struct strvec *w, const char *name, const char *def)
{
	size_t n = strlen(name);

	for (size_t i = 1; i < w->n; i++)
		if (strncmp(w->v[i], name, n) == 0) {
			if (w->v[i][n] == '=')
				return w->v[i] + n + 1;
			if (w->v[i][n] == '\0' && i + 1 < w->n)
				return w->v[i + 1];
		}
	return def;
}

static bool
has_application(struct scan *app, const struct strvec *w, const char *dir)
{
	for (size_t i = 1; i < w->n; i++) {
		auto_buf struct buf path = { 0 };
		auto_free char *module =
		    mem_strndup(w->v[i], strcspn(w->v[i], ":"));
		bool plain =
		    w->v[i][strcspn(w->v[i], "/=- \t")] == '\0' &&
		    (isalpha((unsigned char)*module) || *module == '_');

		if (plain && python_module(app, dir, module, &path))
			return true;
	}
	return false;
}

/* Programs that are given a file to run: the options of theirs that take a
 * word, those that make a file needless, and the verbs before it. */
static const struct runner {
	const char *name, *values, *without, *verbs;
} runners[] = {
	{ "node", " -r --require --import --loader --env-file -C ",
	    " -e --eval ", "" },
	{ "tsx", " -r --require --import --env-file ", " -e ", "" },
	{ "ts-node", " -r --require -P --project ", " -e ", "" },
	{ "bun", " --env-file --preload ", " -e ", " run " },
	{ "deno", " --env-file --config -c --port --host ", " -e task eval ",
	    " run serve " },
	{ "python", "", " -m -c ", "" },
	{ "python3", "", " -m -c ", "" },
	{ "ruby", " -r -I ", " -e ", "" },
	{ "php", " -d -c ", " -r -S ", "" },
	{ "java", " -cp -classpath ", " -cp -classpath -m ", "" },
	{ "dotnet", "", " run ", " exec " },
	{ "sh", "", " -c ", "" },
	{ "bash", "", " -c ", "" },
};

static bool
has_word(const char *list, const char *word)
{
	auto_buf struct buf b = { 0 };

	buf_addf(&b, " %s ", word);
	return strstr(list, b.data) != NULL;
}

/* The file that a runner is given, or NULL. */
static const char *
runner_file(const struct runner *r, const struct strvec *w)
{
	struct strvec rest = *w;
	const char *file;

	for (size_t i = 1; i < w->n; i++)
		if (has_word(r->without, w->v[i]))
			return NULL;
	if (rest.n > 1 && has_word(r->verbs, rest.v[1])) {
		rest.v++; /* borrowed: one word shorter from the front */
		rest.n--;
	}
	file = operand(&rest, r->values);
	/* A plain word may be a script of package.json. */
	if (file != NULL && strcmp(r->name, "bun") == 0 &&
	    strpbrk(file, "./") == NULL)
		return NULL;
	return file;
}

static bool
words_missing(struct scan *app, const struct strvec *w, struct buf *what)
{
	const char *slash = strrchr(w->v[0], '/'), *file = NULL;
	const char *name = slash != NULL ? slash + 1 : w->v[0];
	bool script = false;

	for (size_t i = 0; i < sizeof(runners) / sizeof(*runners); i++)
		if (strcmp(name, runners[i].name) == 0) {
			file = runner_file(&runners[i], w);
			script = i < 5;
		}
	if (strcmp(name, "gunicorn") == 0 || strcmp(name, "uvicorn") == 0 ||
	    strcmp(name, "hypercorn") == 0) {
		const char *dir =
		    option(w, "--chdir", option(w, "--app-dir", ""));

		if (has_application(app, w, dir) ||
		    option(w, "-c", option(w, "--config", NULL)) != NULL)
			return false;
		file = w->n > 1 ? w->v[w->n - 1] : name;
		buf_adds(what, file);
		return true;
	}
	if (file == NULL && slash != NULL)
		file = w->v[0];
	if (file == NULL || is_there(app, file, script))
		return false;
	buf_adds(what, file);
	return true;
}

bool
start_missing(struct scan *app, const char *text, struct buf *what)
{
	for (const char *s = text; *s != '\0';) {
		auto_strvec struct strvec words = { 0 };
		auto_free char *one = NULL;

		s = real_command(s);
		one = mem_strndup(s, strcspn(s, ";&|"));
		(void)start_words(one, &words);
		if (words.n > 0 && words_missing(app, &words, what))
			return true;
		s += strlen(one);
		s += strspn(s, ";&|");
	}
	return false;
}

bool
start_believe(struct scan *app, const char *text, const char *file, int line)
{
	struct process *web;
	auto_buf struct buf what = { 0 }, where = { 0 };

	if (start_missing(app, text, &what)) {
		buf_adds(&where, file);
		if (line > 0)
			buf_addf(&where, ":%d", line);
		plan_warn(app->plan, "%s: start: %s is not in the tree",
		    where.data, what.data);
		return false;
	}
	web = plan_add_process(app->plan, "web");
	start_set(&web->command, text);
	scan_why(app, "start", text, file, line);
	return true;
}

static void
use_start(struct scan *app, const json_t *v, const char *file, int line)
{
	struct process *web = plan_add_process(app->plan, "web");
	auto_buf struct buf text = { 0 }, what = { 0 };
	struct err err = { 0 };

	command_release(&web->command);
	if (json_is_string(v))
		start_set(&web->command, json_string_value(v));
	else
		(void)command_decode(&web->command, v, "start", &err);
	command_text(&web->command, &text);
	scan_why(app, "start", buf_str(&text), file, line);
	if (start_missing(app, buf_str(&text), &what))
		plan_warn(app->plan, "%s: start: %s is not in the tree", file,
		    what.data);
}

/* The Procfile's web, unless it serves development or names what is not. */
static bool
procfile_web(struct scan *app)
{
	size_t i;
	json_t *one;

	json_array_foreach(app->procfile, i, one) {
		const char *text = json_str(one, "command", "");
		int line = (int)json_int(one, "line", 0);
		auto_buf struct buf instead = { 0 }, what = { 0 };
		const char *dev;

		if (strcmp(json_str(one, "name", ""), "web") != 0)
			continue;
		dev = start_dev(text, &instead);
		if (dev != NULL)
			plan_warn(app->plan,
			    "Procfile:%d: '%s' is a development server and is "
			    "not run%s%s",
			    line, dev, instead.len > 0 ? "; instead: " : "",
			    buf_str(&instead));
		if (dev != NULL && instead.len == 0)
			return false;
		if (dev != NULL)
			text = instead.data;
		if (start_missing(app, text, &what)) {
			plan_warn(app->plan,
			    "Procfile:%d: %s is not in the tree", line,
			    what.data);
			return false;
		}
		start_set(&plan_add_process(app->plan, "web")->command, text);
		scan_why(app, "start", text, "Procfile", line);
		return true;
	}
	return false;
}

bool
start_given(struct scan *app)
{
	static const char *const names[] = { "start", "processes.web.command" };

	for (int from = 0; from < 2; from++)
		for (size_t i = 0; i < 2; i++) {
			const json_t *v =
			    json_at(from == 0 ? app->project : app->rcn,
				names[i]);
			struct setting s = scan_setting(app, names[i]);

			if (v == NULL)
				continue;
			use_start(app, v, from == 0 ? "project" : "rcn.json",
			    s.line);
			return true;
		}
	return procfile_web(app);
}
