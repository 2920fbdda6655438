/* python - requirements.txt or pyproject.toml; Django, Flask, FastAPI or a
 * plain program.  The application object is looked for in the sources. */
#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/toml.h"

enum { DEPS_MAX = 2000, INCLUDE_DEPTH = 5, SOURCES_MAX = 300 };

struct dep {
	char *name, *text, *file; /* "flask", "Flask[async]>=3" */
	int line;
};

struct python {
	struct scan *app;
	struct dep *deps;
	size_t n_deps;
	const char *requirements; /* the first file, or NULL */
	json_t *pyproject;
	struct buf pyproject_text;
	bool needs_sources; /* install reads more than manifests */
	struct setup {
		struct buf module, dir, file;
		char variable[64];
		bool factory;
		int line;
	} app_object;
};

/* What a framework's application is made by and served with. */
static const struct framework {
	const char *name, *package, *class, *server;
} frameworks[] = {
	{ "fastapi", "fastapi", "FastAPI", "uvicorn" },
	{ "flask", "flask", "Flask", "gunicorn" },
	{ "starlette", "starlette", "Starlette", "uvicorn" },
	{ "quart", "quart", "Quart", "uvicorn" },
};

static void
python_release(struct python *p)
{
	for (size_t i = 0; i < p->n_deps; i++) {
		free(p->deps[i].name);
		free(p->deps[i].text);
		free(p->deps[i].file);
	}
	free(p->deps);
	json_decref(p->pyproject);
	buf_release(&p->pyproject_text);
	buf_release(&p->app_object.module);
	buf_release(&p->app_object.dir);
	buf_release(&p->app_object.file);
}

/* A requirement as PEP 508 writes it; its name in normal form. */
static void
add_dep(struct python *p, const char *text, const char *file, int line)
{
	auto_buf struct buf name = { 0 };
	struct dep *d;

	for (const char *s = text;
	     isalnum((unsigned char)*s) || *s == '-' || *s == '_' || *s == '.';
	     s++)
		buf_addc(&name,
		    *s == '_' || *s == '.' ? '-' : tolower((unsigned char)*s));
	if (name.len == 0 || p->n_deps >= DEPS_MAX)
		return;
	p->deps = mem_realloc(p->deps, p->n_deps + 1, sizeof(*d));
	d = &p->deps[p->n_deps++];
	*d = (struct dep){ buf_steal(&name), mem_strdup(text), mem_strdup(file),
		line };
}

static const struct dep *
dep_named(const struct python *p, const char *name)
{
	for (size_t i = 0; i < p->n_deps; i++)
		if (strcmp(p->deps[i].name, name) == 0)
			return &p->deps[i];
	return NULL;
}

static int read_requirements(struct python *, const char *path, int depth,
    struct err *);

static int
include_file(struct python *p, const char *from, const char *name, int depth,
    struct err *err)
{
	auto_buf struct buf path = { 0 };
	const char *slash = strrchr(from, '/');

	name += strspn(name, " \t=");
	while (text_starts(name, "./"))
		name += 2;
	if (slash != NULL)
		buf_add(&path, from, (size_t)(slash - from) + 1);
	buf_adds(&path, name);
	if (strstr(path.data, "..") != NULL || depth >= INCLUDE_DEPTH) {
		p->needs_sources = true;
		return 0;
	}
	return read_requirements(p, path.data, depth + 1, err);
}

static int
requirement_line(struct python *p, const char *path, const char *s, int line,
    int depth, struct err *err)
{
	if (text_starts(s, "--requirement"))
		return include_file(p, path, s + 13, depth, err);
	if (text_starts(s, "--constraint"))
		return include_file(p, path, s + 12, depth, err);
	if (text_starts(s, "-r") || text_starts(s, "-c"))
		return include_file(p, path, s + 2, depth, err);
	if (text_starts(s, "-e") || *s == '.' || text_starts(s, "file:") ||
	    text_starts(s, "--editable") || text_starts(s, "--find-links") ||
	    text_starts(s, "-f"))
		p->needs_sources = true;
	else if (*s != '\0' && *s != '#' && *s != '-')
		add_dep(p, s, path, line);
	return 0;
}

static int
read_requirements(struct python *p, const char *path, int depth,
    struct err *err)
{
	auto_buf struct buf text = { 0 }, line = { 0 };
	const char *s;
	int n = 0, got = scan_read(p->app, path, SCAN_FILE_MAX, &text, err);

	if (got < 0)
		return -1;
	if (got == 0) {
		plan_warn(p->app->plan, "%s: is named but not there", path);
		return 0;
	}
	if (text_is_utf8(text.data, text.len) &&
	    !strvec_has(&p->app->plan->manifests, path))
		strvec_add(&p->app->plan->manifests, path);
	for (s = text.data; line_next(&s, &line);)
		if (requirement_line(p, path, line.data, ++n, depth, err) < 0)
			return -1;
	return 0;
}

/* Poetry's way to say a version, "^3.0", as pip takes it. */
static void
poetry_requirement(struct buf *b, const char *name, const json_t *v)
{
	const char *s = json_is_string(v) ? json_string_value(v)
					  : json_str(v, "version", "*");
	unsigned long major = strtoul(s + (*s == '^'), NULL, 10);
	size_t i;
	json_t *extra;

	buf_adds(b, name);
	json_array_foreach(json_object_get(v, "extras"), i, extra)
		buf_addf(b, "%s%s", i == 0 ? "[" : ",",
		    json_is_string(extra) ? json_string_value(extra) : "");
	if (i > 0)
		buf_addc(b, ']');
	if (*s == '^' && major > 0)
		buf_addf(b, ">=%s,<%lu", s + 1, major + 1);
	else if (*s == '^' || *s == '~')
		buf_addf(b, ">=%s", s + 1 + (s[1] == '='));
	else if (isdigit((unsigned char)*s))
		buf_addf(b, "==%s", s);
	else if (*s != '*')
		buf_adds(b, s);
}

static void
project_deps(struct python *p)
{
	const json_t *poetry =
	    json_at(p->pyproject, "tool.poetry.dependencies");
	const char *text = p->pyproject_text.data, *name;
	size_t i;
	json_t *one;

	json_array_foreach(json_at(p->pyproject, "project.dependencies"), i,
	    one) {
		const char *s = json_string_value(one);
		const char *at = s != NULL ? strstr(text, s) : NULL;

		if (s != NULL)
			add_dep(p, s, "pyproject.toml",
			    at != NULL ? line_at(text, at) : 0);
	}
	json_object_foreach((json_t *)(uintptr_t)poetry, name, one) {
		auto_buf struct buf b = { 0 };

		if (strcmp(name, "python") == 0)
			continue;
		poetry_requirement(&b, name, one);
		add_dep(p, b.data, "pyproject.toml", line_of(text, name));
	}
}

static int
read_manifests(struct python *p, struct err *err)
{
	static const char *const files[] = { "requirements.txt",
		"requirements/production.txt", "requirements/prod.txt",
		"requirements/base.txt", "requirements-prod.txt", NULL };
	int got = scan_read(p->app, "pyproject.toml", SCAN_FILE_MAX,
	    &p->pyproject_text, err);

	if (got < 0)
		return -1;
	if (got == 1) {
		p->pyproject = toml_parse(buf_str(&p->pyproject_text),
		    p->pyproject_text.len, TOML_PLAIN, "pyproject.toml", err);
		if (p->pyproject == NULL)
			return -1;
	}
	p->requirements = scan_first(p->app, files);
	if (p->requirements != NULL)
		return read_requirements(p, p->requirements, 0, err);
	if (p->pyproject != NULL)
		project_deps(p);
	return 0;
}

static void
choose_version(struct python *p)
{
	static const char *const members[] = { "project.requires-python",
		"tool.poetry.dependencies.python" };
	static const char *const keys[] = { "requires-python", "python" };
	auto_claims struct claims c = { 0 };

	claims_file(&c, p->app, ".python-version");
	claims_file(&c, p->app, "runtime.txt");
	claims_tool(&c, p->app, "python");
	for (size_t i = 0; i < 2; i++)
		claims_add(&c, json_str(p->pyproject, members[i], NULL),
		    "pyproject.toml",
		    line_of(buf_str(&p->pyproject_text), keys[i]));
	version_choose(p->app, "python", &c);
}

static void
use_manager(struct python *p, const char *name, const char *file,
    const char *install)
{
	struct plan *plan = p->app->plan;
	auto_buf struct buf text = { 0 };

	plan_set(&plan->package_manager, name);
	scan_why(p->app, "package_manager", name, file, 0);
	if (install != NULL)
		command_shell(commands_add(&plan->install), install);
	if (plan->install.n == 0)
		return;
	command_text(&plan->install.v[0], &text);
	scan_why(p->app, "install", text.data, file, 0);
}

/* The dependencies that pyproject.toml declares, as one pip command. */
static void
install_declared(struct python *p)
{
	struct command *c;

	if (p->n_deps > 0) {
		c = commands_add(&p->app->plan->install);
		strvec_add(&c->argv, "pip");
		strvec_add(&c->argv, "install");
		for (size_t i = 0; i < p->n_deps; i++)
			strvec_add(&c->argv, p->deps[i].text);
	}
	use_manager(p, "pip", "pyproject.toml", NULL);
}

static bool
is_dynamic(const struct python *p)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_at(p->pyproject, "project.dynamic"), i, one)
		if (json_is_string(one) &&
		    strcmp(json_string_value(one), "dependencies") == 0)
			return true;
	return false;
}

static void
plan_install(struct python *p)
{
	struct plan *plan = p->app->plan;
	auto_buf struct buf text = { 0 };

	if (p->requirements != NULL) {
		buf_addf(&text, "pip install -r %s", p->requirements);
		use_manager(p, "pip", p->requirements, text.data);
	} else if (scan_has(p->app, "uv.lock")) {
		strvec_add(&plan->manifests, "pyproject.toml");
		strvec_add(&plan->manifests, "uv.lock");
		use_manager(p, "uv", "uv.lock",
		    "uv sync --frozen --no-dev --no-install-project");
	} else if (scan_has(p->app, "poetry.lock")) {
		strvec_add(&plan->manifests, "pyproject.toml");
		strvec_add(&plan->manifests, "poetry.lock");
		use_manager(p, "poetry", "poetry.lock",
		    "poetry install --no-root --only main");
	} else if (is_dynamic(p)) {
		p->needs_sources = true;
		use_manager(p, "pip", "pyproject.toml", "pip install .");
	} else {
		install_declared(p);
	}
	if (p->needs_sources)
		strvec_clear(&plan->manifests);
}

static bool
is_source(const char *path)
{
	static const char *const not_here[] = { "test/", "tests/", "docs/",
		"examples/", "migrations/", "scripts/" };
	const char *name = strrchr(path, '/');

	name = name != NULL ? name + 1 : path;
	if (!text_ends(path, ".py") || text_starts(name, "test_") ||
	    strcmp(name, "setup.py") == 0 || strcmp(name, "conftest.py") == 0)
		return false;
	for (size_t i = 0; i < sizeof(not_here) / sizeof(*not_here); i++) {
		const char *at = strstr(path, not_here[i]);

		if (at != NULL && (at == path || at[-1] == '/'))
			return false;
	}
	return true;
}

/* Where an application is looked for first: near the root, by its name. */
static int
rank(const char *path)
{
	static const char *const names[] = { "wsgi.py", "asgi.py", "app.py",
		"main.py", "application.py", "server.py", "api.py", "run.py",
		"index.py", "__init__.py" };
	const char *name = strrchr(path, '/');
	int score = 0;

	for (const char *s = path; *s != '\0'; s++)
		score += *s == '/' ? 100 : 0;
	name = name != NULL ? name + 1 : path;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return score + (int)i;
	return score + 50;
}

static int
by_rank(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	int d = rank(x) - rank(y);

	return d != 0 ? d : strcmp(x, y);
}

static size_t
identifier(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return isdigit((unsigned char)*s) ? 0 : n;
}

/* "app = Flask(", "app: Flask = flask.Flask(" at the left margin. */
static bool
is_definition(const char *s, const char *class, size_t *name)
{
	size_t n = identifier(s), k;
	const char *v = s + n;

	if (n == 0)
		return false;
	v += strspn(v, " \t");
	if (*v == ':')
		v += strcspn(v, "=\n");
	if (*v != '=' || v[1] == '=')
		return false;
	v += 1 + strspn(v + 1, " \t");
	while ((k = identifier(v)) > 0 && v[k] == '.')
		v += k + 1;
	if (k != strlen(class) || strncmp(v, class, k) != 0 || v[k] != '(')
		return false;
	*name = n;
	return true;
}

/* "app = create_app(...)", or "from x import app" in wsgi.py; *at is where
 * the name is written. */
static bool
is_made(const char *s, const char *path, size_t *name, const char **at)
{
	static const char *const names[] = { "app", "application", "api" };
	auto_free char *line = mem_strndup(s, strcspn(s, "\n"));
	const char *base = strrchr(path, '/');
	const char *import = strstr(line, " import ");
	size_t n = identifier(line);
	bool makes = line[n + strspn(line + n, " \t")] == '=' &&
		     strstr(line, "_app(") != NULL;

	base = base != NULL ? base + 1 : path;
	if (!text_starts(line, "from ") ||
	    (strcmp(base, "wsgi.py") != 0 && strcmp(base, "asgi.py") != 0))
		import = NULL;
	for (size_t i = 0; i < 3; i++) {
		*name = strlen(names[i]);
		*at = s;
		if (makes && n == *name && strncmp(line, names[i], n) == 0)
			return true;
		for (const char *w = import; w != NULL && *w != '\0'; w++) {
			if (strncmp(w + 1, names[i], *name) != 0 ||
			    identifier(w + 1) != *name ||
			    strchr(" ,(", *w) == NULL)
				continue;
			*at = s + (w + 1 - line);
			return true;
		}
	}
	return false;
}

/* "def create_app():" that can be called without arguments. */
static bool
is_factory(const char *s, const char *class, size_t *name)
{
	static const char *const names[] = { "create_app", "make_app",
		"get_app" };
	const char *v;

	if (!text_starts(s, "def "))
		return false;
	for (size_t i = 0; i < 3; i++) {
		*name = strlen(names[i]);
		if (strncmp(s + 4, names[i], *name) != 0 ||
		    s[4 + *name] != '(' || strstr(s, class) == NULL)
			continue;
		for (v = s + 5 + *name; *v != '\0' && *v != ')';) {
			size_t n = strcspn(v, ",)");

			if (v[strspn(v, " \t\n*")] != ')' && *v != '*' &&
			    memchr(v, '=', n) == NULL)
				return false;
			v += n + (v[n] == ',');
		}
		return true;
	}
	return false;
}

/* How a module is named from where the server is started: packages are the
 * folders with an __init__.py; what is above them is where it starts. */
static void
name_module(struct python *p, const char *path, const char *text)
{
	struct setup *o = &p->app_object;
	auto_free char *dir = mem_strdup(path);
	auto_buf struct buf uses = { 0 };
	char *slash;

	while ((slash = strrchr(dir, '/')) != NULL) {
		auto_buf struct buf init = { 0 };
		const char *last;

		*slash = '\0';
		last = strrchr(dir, '/');
		buf_addf(&init, "%s/__init__.py", dir);
		buf_clear(&uses);
		buf_addf(&uses, "from %s", last != NULL ? last + 1 : dir);
		if (scan_has(p->app, init.data) ||
		    strstr(text, uses.data) != NULL)
			continue;
		buf_adds(&o->dir, dir);
		break;
	}
	path += o->dir.len + (o->dir.len > 0);
	buf_add(&o->module, path, strlen(path) - 3);
	if (text_ends(o->module.data, "/__init__"))
		buf_cut(&o->module, o->module.len - 9);
	for (char *c = o->module.data; *c != '\0'; c++)
		if (*c == '/')
			*c = '.';
}

static bool
look_into(struct python *p, const char *path, const char *class)
{
	struct setup *o = &p->app_object;
	auto_buf struct buf text = { 0 };
	const char *s, *at;
	size_t n;

	if (!scan_peek(p->app, path, &text))
		return false;
	for (int pass = 0; pass < 2; pass++)
		for (s = text.data; s != NULL && *s != '\0';
		     s = line_after(s)) {
			at = s;
			o->factory = pass == 1;
			if (pass == 0 ? !is_definition(s, class, &n) &&
					    !is_made(s, path, &n, &at)
				      : !is_factory(s, class, &n))
				continue;
			at += pass == 1 ? 4 : 0;
			if (n >= sizeof(o->variable))
				continue;
			memcpy(o->variable, at, n);
			o->variable[n] = '\0';
			o->line = line_at(text.data, s);
			buf_adds(&o->file, path);
			name_module(p, path, text.data);
			return true;
		}
	return false;
}

static bool
find_application(struct python *p, const char *class)
{
	const char *list[SOURCES_MAX] = { NULL };
	size_t n = 0;

	for (size_t i = 0; i < p->app->files.n && n < SOURCES_MAX; i++)
		if (is_source(p->app->files.v[i]) &&
		    rank(p->app->files.v[i]) < 400)
			list[n++] = p->app->files.v[i];
	qsort(list, n, sizeof(*list), by_rank);
	for (size_t i = 0; i < n; i++)
		if (look_into(p, list[i], class))
			return true;
	return false;
}

static void
start_text(struct python *p, const struct framework *f, struct buf *b)
{
	const struct setup *o = &p->app_object;
	bool uvicorn = strcmp(f->server, "uvicorn") == 0;

	buf_addf(b, "%s", f->server);
	if (o->dir.len > 0)
		buf_addf(b, " %s %s", uvicorn ? "--app-dir" : "--chdir",
		    o->dir.data);
	if (uvicorn && o->factory)
		buf_adds(b, " --factory");
	if (!uvicorn && o->factory)
		buf_addf(b, " '%s:%s()'", o->module.data, o->variable);
	else
		buf_addf(b, " %s:%s", o->module.data, o->variable);
	if (uvicorn)
		buf_adds(b, " --host 0.0.0.0 --port $PORT");
}

static void
set_framework(struct python *p, const char *name, const struct dep *d)
{
	plan_set(&p->app->plan->framework, name);
	scan_why(p->app, "framework", name, d->file, d->line);
}

static bool
framework_start(struct python *p)
{
	for (size_t i = 0; i < sizeof(frameworks) / sizeof(*frameworks); i++) {
		const struct framework *f = &frameworks[i];
		const struct dep *d = dep_named(p, f->package);
		auto_buf struct buf text = { 0 };
		struct process *web;

		if (d == NULL)
			continue;
		set_framework(p, f->name, d);
		if (start_given(p->app))
			return true;
		if (!find_application(p, f->class)) {
			scan_miss(p->app,
			    "%s is required, but no source makes a %s()",
			    f->name, f->class);
			continue;
		}
		start_text(p, f, &text);
		web = plan_add_process(p->app->plan, "web");
		start_set(&web->command, text.data);
		scan_why(p->app, "start", text.data, p->app_object.file.data,
		    p->app_object.line);
		return true;
	}
	return false;
}

/* The string after a key at the left margin: WSGI_APPLICATION = "x". */
static bool
setting_string(const char *text, const char *key, struct buf *out, int *line)
{
	size_t k = strlen(key);

	for (const char *s = text; s != NULL && *s != '\0'; s = line_after(s)) {
		const char *q;

		if (strncmp(s, key, k) != 0 || strchr(" =\t", s[k]) == NULL)
			continue;
		*line = line_at(text, s);
		q = s + strcspn(s, "\"'\n");
		buf_clear(out);
		buf_add(out, "", 0);
		if (*q == '"' || *q == '\'')
			buf_add(out, q + 1, strcspn(q + 1, "\"'\n"));
		return true;
	}
	return false;
}

struct django {
	struct buf dir, settings, settings_path, text, module;
	int line;
};

static void
django_release(struct django *d)
{
	buf_release(&d->dir);
	buf_release(&d->settings);
	buf_release(&d->settings_path);
	buf_release(&d->text);
	buf_release(&d->module);
}

/* manage.py, here or one folder below, and the settings that it names. */
static bool
find_project(struct python *p, struct django *d)
{
	auto_buf struct buf text = { 0 };
	const char *manage = NULL, *s;

	for (size_t i = 0; i < p->app->files.n; i++) {
		const char *path = p->app->files.v[i];

		if (strcmp(path, "manage.py") == 0 ||
		    (manage == NULL && text_ends(path, "/manage.py") &&
			strchr(path, '/') == strrchr(path, '/')))
			manage = path;
	}
	if (manage == NULL || !scan_peek(p->app, manage, &text))
		return false;
	if (strchr(manage, '/') != NULL)
		buf_add(&d->dir, manage, strcspn(manage, "/"));
	s = strstr(text.data, "DJANGO_SETTINGS_MODULE");
	s = s != NULL ? strchr(s, ',') : NULL;
	if (s == NULL)
		return true;
	s += strcspn(s, "\"'\n");
	if (*s != '"' && *s != '\'')
		return true;
	buf_add(&d->settings, s + 1, strcspn(s + 1, "\"'\n"));
	if (python_module(p->app, buf_str(&d->dir), d->settings.data,
		&d->settings_path))
		(void)scan_peek(p->app, d->settings_path.data, &d->text);
	return true;
}

/* "proj.wsgi.application" of the settings, or a wsgi.py beside them. */
static bool
find_wsgi(struct python *p, struct django *d)
{
	auto_buf struct buf value = { 0 }, path = { 0 };
	char *dot;

	if (setting_string(buf_str(&d->text), "WSGI_APPLICATION", &value,
		&d->line) &&
	    (dot = strrchr(buf_str(&value), '.')) != NULL) {
		*dot = '\0';
		if (python_module(p->app, buf_str(&d->dir), value.data,
			&path)) {
			buf_addf(&d->module, "%s:%s", value.data, dot + 1);
			return true;
		}
	}
	for (size_t i = 0; i < p->app->files.n; i++) {
		const char *s = p->app->files.v[i] + d->dir.len;

		if (!text_starts(p->app->files.v[i], buf_str(&d->dir)) ||
		    !text_ends(s, "/wsgi.py"))
			continue;
		s += *s == '/';
		for (size_t n = strlen(s) - 3; n > 0; n--, s++)
			buf_addc(&d->module, *s == '/' ? '.' : *s);
		buf_adds(&d->module, ":application");
		buf_clear(&d->settings_path);
		buf_adds(&d->settings_path, p->app->files.v[i]);
		d->line = 0;
		return true;
	}
	return false;
}

/* Static files are collected while building where the settings say where to;
 * a secret key that comes from the environment is made up for that. */
static void
django_build(struct python *p, struct django *d)
{
	auto_buf struct buf value = { 0 }, text = { 0 };
	int line = 0, key = 0;

	if (!setting_string(buf_str(&d->text), "STATIC_ROOT", &value, &line))
		return;
	if (d->dir.len > 0)
		buf_addf(&text, "cd %s && ", d->dir.data);
	if (setting_string(buf_str(&d->text), "SECRET_KEY", &value, &key) &&
	    value.len > 0 && identifier(buf_str(&value)) == value.len &&
	    strstr(buf_str(&d->text), "environ") != NULL)
		buf_addf(&text, "%s=only-while-building ", value.data);
	buf_adds(&text, "python manage.py collectstatic --noinput");
	command_shell(commands_add(&p->app->plan->build), text.data);
	scan_why(p->app, "build", text.data, d->settings_path.data, line);
}

static bool
django_start(struct python *p, struct django *d)
{
	auto_buf struct buf text = { 0 };

	if (start_given(p->app))
		return true;
	if (!find_wsgi(p, d)) {
		scan_miss(p->app, "django: no wsgi.py");
		return false;
	}
	buf_adds(&text, "gunicorn");
	if (d->dir.len > 0)
		buf_addf(&text, " --chdir %s", d->dir.data);
	buf_addf(&text, " %s", d->module.data);
	start_set(&plan_add_process(p->app->plan, "web")->command, text.data);
	scan_why(p->app, "start", text.data, d->settings_path.data, d->line);
	return true;
}

/* A program: main.py and its like, or the only one there is. */
static bool
plain_start(struct python *p)
{
	static const char *const names[] = { "main.py", "app.py", "server.py",
		"run.py", "start.py", "bot.py", "index.py", NULL };
	const char *path = scan_first(p->app, names);
	auto_buf struct buf text = { 0 };

	if (start_given(p->app))
		return true;
	if (path == NULL || scan_has(p->app, "package.json") ||
	    scan_has(p->app, "index.html"))
		return false;
	buf_addf(&text, "python %s", path);
	start_set(&plan_add_process(p->app->plan, "web")->command, text.data);
	scan_why(p->app, "start", text.data, path, 0);
	return true;
}

/* The server that the start command names, where it is not required. */
static void
add_server(struct python *p)
{
	static const char *const servers[] = { "gunicorn", "uvicorn",
		"hypercorn" };
	struct plan *plan = p->app->plan;
	const struct process *web = plan_process(plan, "web");
	const struct dep *fastapi = dep_named(p, "fastapi");
	auto_buf struct buf text = { 0 };

	command_text(&web->command, &text);
	for (size_t i = 0; i < 3; i++) {
		auto_buf struct buf install = { 0 };

		if (!text_starts(buf_str(&text), servers[i]) ||
		    dep_named(p, servers[i]) != NULL ||
		    (i == 1 && fastapi != NULL &&
			strchr(fastapi->text, '[') != NULL))
			continue;
		buf_addf(&install, "pip install %s", servers[i]);
		command_shell(commands_add(&plan->install), install.data);
		scan_why(p->app, "install", install.data, "the start command",
		    0);
		plan_warn(plan,
		    "%s is not among the requirements: it is "
		    "installed beside them; add it to keep its "
		    "version",
		    servers[i]);
	}
}

static int
python_fill(struct python *p, struct err *err)
{
	struct scan *app = p->app;
	const struct dep *dep = dep_named(p, "django");
	AUTO(django_release) struct django d = { 0 };
	bool django;

	plan_set(&app->plan->runtime, "python");
	plan_set(&app->plan->output, "server");
	scan_why(app, "runtime", "python",
	    p->requirements != NULL ? p->requirements
	    : p->pyproject != NULL  ? "pyproject.toml"
				    : "main.py",
	    0);
	choose_version(p);
	plan_install(p);
	django = dep != NULL && find_project(p, &d);
	if (django) {
		set_framework(p, "django", dep);
		django_build(p, &d);
	}
	if (node_assets(app, true, err) < 0)
		return -1;
	scan_override(app);
	if (!(django && django_start(p, &d)) && !framework_start(p) &&
	    !plain_start(p)) {
		scan_miss(app, "no Python program to start was found");
		return 0;
	}
	if (scan_setting(app, "install").v == NULL)
		add_server(p);
	return 1;
}

static int
python_plan(struct scan *app, struct err *err)
{
	static const char *const alone[] = { "main.py", "app.py", NULL };
	struct python p = { .app = app };
	int got = read_manifests(&p, err);

	if (got == 0 && (p.requirements != NULL || p.pyproject != NULL ||
			    scan_first(app, alone) != NULL))
		got = python_fill(&p, err);
	python_release(&p);
	return got;
}

const struct runtime runtime_python = { "python",
	"requirements.txt, pyproject.toml, main.py", python_plan };
