/* php - composer.json or index.php: served by Apache from the folder that
 * has the front controller. */
#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/jsonc.h"

enum { SOURCES_MAX = 200 };

struct php {
	struct scan *app;
	json_t *composer, *lock; /* NULL where there is none */
	struct buf text, lock_text;
	const struct framework *framework;
};

/* root: where its front controller is; front: it answers unknown paths. */
static const struct framework {
	const char *package, *name, *root, *extensions;
	bool front;
} frameworks[] = {
	{ "laravel/framework", "laravel", "public",
	    "bcmath opcache pcntl pdo_mysql pdo_pgsql zip", true },
	{ "laravel/lumen-framework", "lumen", "public",
	    "opcache pdo_mysql pdo_pgsql", true },
	{ "symfony/framework-bundle", "symfony", "public",
	    "intl opcache pdo_mysql pdo_pgsql", true },
	{ "cakephp/cakephp", "cakephp", "webroot",
	    "intl opcache pdo_mysql pdo_pgsql", true },
	{ "codeigniter4/framework", "codeigniter", "public",
	    "intl mysqli opcache pgsql", true },
	{ "yiisoft/yii2", "yii", "web", "intl opcache pdo_mysql pdo_pgsql",
	    true },
	{ "drupal/core-recommended", "drupal", "web",
	    "gd opcache pdo_mysql pdo_pgsql", true },
	{ "drupal/core", "drupal", "web", "gd opcache pdo_mysql pdo_pgsql",
	    true },
	{ "roots/wordpress", "wordpress", "web",
	    "exif gd intl mysqli opcache "
	    "zip",
	    true },
	{ "craftcms/cms", "craft", "web",
	    "bcmath gd intl opcache pdo_mysql "
	    "pdo_pgsql soap zip",
	    true },
	{ "laminas/laminas-mvc", "laminas", "public", "intl opcache", true },
	{ "mezzio/mezzio", "mezzio", "public", "opcache", true },
	{ "slim/slim", "slim", "public", "opcache", true },
};
static const struct framework wordpress = { "wp-load.php", "wordpress", ".",
	"exif gd intl mysqli opcache zip", true };

/* Extensions that the image has without being asked. */
static const char builtin[] =
    " core ctype curl date dom fileinfo filter ftp hash iconv json libxml "
    "mbstring mysqlnd openssl pcre pdo pdo_sqlite phar posix random readline "
    "reflection session simplexml sodium spl sqlite3 standard tokenizer xml "
    "xmlreader xmlwriter zlib lexbor uri ";

static int
composer_line(const struct php *p, const char *package)
{
	return line_of(buf_str(&p->text), package);
}

static const char *
required(const struct php *p, const char *package)
{
	return json_string_value(json_object_get(json_object_get(p->composer,
						     "require"),
	    package));
}

/* Composer's ranges as ours: its "~8.1" is below 9. */
static void
claim_range(struct claims *c, const char *v, const char *file, int line)
{
	auto_buf struct buf b = { 0 };

	for (const char *s = v; s != NULL && *s != '\0'; s++) {
		if (*s == '@')
			break; /* a stability */
		buf_addc(&b, *s);
		if (*s == '~' && s[1] != '>')
			buf_addc(&b, '>');
	}
	if (b.len > 0)
		claims_add(c, b.data, file, line);
}

static void
choose_version(struct php *p)
{
	auto_claims struct claims c = { 0 };

	claims_file(&c, p->app, ".php-version");
	claims_tool(&c, p->app, "php");
	claim_range(&c, required(p, "php"), "composer.json",
	    composer_line(p, "php"));
	claim_range(&c, required(p, "php-64bit"), "composer.json",
	    composer_line(p, "php-64bit"));
	claim_range(&c, json_str(p->composer, "config.platform.php", NULL),
	    "composer.json", composer_line(p, "platform"));
	version_choose(p->app, "php", &c);
}

static void
add_extension(struct php *p, const char *name, const char *file, int line)
{
	struct strvec *list = &p->app->plan->extensions;
	auto_buf struct buf b = { 0 }, word = { 0 };

	for (const char *s = name; *s != '\0'; s++)
		buf_addc(&b, tolower((unsigned char)*s));
	buf_addf(&word, " %s ", buf_str(&b));
	if (strcmp(buf_str(&b), "zend-opcache") == 0) {
		buf_clear(&b);
		buf_adds(&b, "opcache");
	}
	if (strstr(builtin, word.data) != NULL || !scan_is_plain(buf_str(&b)) ||
	    strvec_has(list, b.data))
		return;
	strvec_add(list, b.data);
	scan_why(p->app, "extensions", b.data, file, line);
}

static void
take_requires(struct php *p, const json_t *require, const char *file)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)require, name, v)
		if (text_starts(name, "ext-"))
			add_extension(p, name + 4, file,
			    require == json_object_get(p->composer, "require")
				? composer_line(p, name)
				: 0);
}

/* Without a framework: by what the sources call. */
static void
look_for_calls(struct php *p)
{
	static const struct {
		const char *text, *extension;
	} calls[] = { { "mysqli", "mysqli" }, { "mysql:", "pdo_mysql" },
		{ "pgsql:", "pdo_pgsql" }, { "pg_connect", "pgsql" },
		{ "imagecreate", "gd" }, { "bcadd", "bcmath" },
		{ "new ZipArchive", "zip" }, { "new Redis(", "redis" } };
	size_t seen = 0;

	for (size_t i = 0; i < p->app->files.n && seen < SOURCES_MAX; i++) {
		const char *path = p->app->files.v[i];
		auto_buf struct buf text = { 0 };

		if ((!text_ends(path, ".php") && !text_ends(path, ".inc")) ||
		    !scan_peek(p->app, path, &text))
			continue;
		seen++;
		for (size_t k = 0; k < sizeof(calls) / sizeof(*calls); k++) {
			const char *at = strstr(text.data, calls[k].text);

			if (at != NULL)
				add_extension(p, calls[k].extension, path,
				    line_at(text.data, at));
		}
	}
}

/* What composer.json and each locked package require, then what most apps
 * of the framework need. */
static void
find_extensions(struct php *p)
{
	size_t i;
	json_t *one;

	take_requires(p, json_object_get(p->composer, "require"),
	    "composer.json");
	json_array_foreach(json_object_get(p->lock, "packages"), i, one)
		take_requires(p, json_object_get(one, "require"),
		    "composer.lock");
	if (p->framework != NULL) {
		auto_strvec struct strvec words = { 0 };

		(void)start_words(p->framework->extensions, &words);
		for (i = 0; i < words.n; i++)
			add_extension(p, words.v[i], p->framework->name, 0);
		return;
	}
	look_for_calls(p);
	add_extension(p, "opcache", "the default", 0);
}

static void
find_framework(struct php *p)
{
	const struct framework *f = NULL;
	const char *file = "composer.json";
	int line = 0;

	for (size_t i = 0; i < sizeof(frameworks) / sizeof(*frameworks); i++)
		if (f == NULL && required(p, frameworks[i].package) != NULL) {
			f = &frameworks[i];
			line = composer_line(p, f->package);
		}
	if (f == NULL && (scan_has(p->app, "wp-load.php") ||
			     scan_has(p->app, "wp-config.php"))) {
		f = &wordpress;
		file = f->package;
	}
	if (f == NULL)
		return;
	p->framework = f;
	plan_set(&p->app->plan->framework, f->name);
	scan_why(p->app, "framework", f->name, file, line);
}

static void
add_build(struct php *p, const char *text, const char *file, int line)
{
	command_shell(commands_add(&p->app->plan->build), text);
	scan_why(p->app, "build", text, file, line);
}

/* Packages first, without the app's own scripts; its autoloader, and the
 * scripts that hang on it, once the sources are there. */
static void
plan_install(struct php *p)
{
	static const char text[] = "composer install --no-dev "
				   "--no-interaction --prefer-dist "
				   "--no-scripts --no-autoloader";
	struct plan *plan = p->app->plan;
	const char *file = p->lock != NULL ? "composer.lock" : "composer.json";
	bool paths = scan_mentions(p->app, "composer.json", "\"path\"") > 0;

	if (p->composer == NULL)
		return;
	plan_set(&plan->package_manager, "composer");
	scan_why(p->app, "package_manager", "composer", file, 0);
	command_shell(commands_add(&plan->install), text);
	scan_why(p->app, "install", text, file, 0);
	strvec_add(&plan->build_packages, "git");
	strvec_add(&plan->build_packages, "unzip");
	if (p->lock == NULL)
		plan_warn(plan, "no lock file: each build installs what is "
				"newest; commit the composer.lock that "
				"'composer install' writes");
	if (!paths) {
		strvec_add(&plan->manifests, "composer.json");
		if (p->lock != NULL)
			strvec_add(&plan->manifests, "composer.lock");
		if (scan_has(p->app, "symfony.lock"))
			strvec_add(&plan->manifests, "symfony.lock");
	}
	if (p->framework != NULL && strcmp(p->framework->name, "symfony") == 0)
		add_build(p, "test -f .env || touch .env", "symfony", 0);
	add_build(p,
	    "composer dump-autoload --no-dev --no-interaction --optimize", file,
	    0);
	if (p->framework != NULL &&
	    strcmp(p->framework->name, "symfony") == 0 &&
	    json_at(p->composer, "scripts.post-install-cmd") != NULL)
		add_build(p,
		    "composer run-script --no-dev --no-interaction "
		    "post-install-cmd",
		    "composer.json", composer_line(p, "post-install-cmd"));
}

static bool
is_root(struct php *p, const char *dir, const char *file, int line)
{
	struct plan *plan = p->app->plan;
	auto_buf struct buf b = { 0 };

	while (text_starts(dir, "./"))
		dir += 2;
	buf_addf(&b, "%s", *dir != '\0' ? dir : ".");
	while (b.len > 1 && b.data[b.len - 1] == '/')
		buf_cut(&b, b.len - 1);
	if (!scan_is_plain(b.data))
		return false;
	plan_set(&plan->static_root, b.data);
	scan_why(p->app, "static_root", b.data, file, line);
	return true;
}

/* "web: vendor/bin/heroku-php-apache2 public/": the folder, in effect. */
static bool
heroku_root(struct php *p)
{
	size_t i;
	json_t *one;

	json_array_foreach(p->app->procfile, i, one) {
		const char *text = json_str(one, "command", "");
		auto_strvec struct strvec words = { 0 };

		if (strcmp(json_str(one, "name", ""), "web") != 0 ||
		    strstr(text, "heroku-php-") == NULL)
			continue;
		(void)start_words(text, &words);
		plan_warn(p->app->plan,
		    "Procfile:%d: the web server of Heroku is not there; "
		    "instead: Apache with its folder",
		    (int)json_int(one, "line", 0));
		return is_root(p,
		    words.n > 1 && words.v[words.n - 1][0] != '-'
			? words.v[words.n - 1]
			: ".",
		    "Procfile", (int)json_int(one, "line", 0));
	}
	return false;
}

static bool
find_root(struct php *p)
{
	static const char *const dirs[] = { "public", "web", "webroot",
		"public_html", "htdocs", "www", "html", "docroot", "src" };
	struct setting s = scan_setting(p->app, "static_root");
	auto_buf struct buf b = { 0 };

	if (json_is_string(s.v))
		return is_root(p, json_string_value(s.v),
		    s.file != NULL ? s.file : "project", s.line);
	if (p->framework != NULL) {
		buf_addf(&b, "%s/index.php", p->framework->root);
		if (scan_has(p->app, b.data) ||
		    (strcmp(p->framework->root, "web") == 0 &&
			!scan_has(p->app, "index.php")))
			return is_root(p, p->framework->root,
			    p->framework->name, 0);
	}
	if (p->framework == NULL && scan_has(p->app, "index.php"))
		return is_root(p, ".", "index.php", 0);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		buf_clear(&b);
		buf_addf(&b, "%s/index.php", dirs[i]);
		if (scan_has(p->app, b.data))
			return is_root(p, dirs[i], b.data, 0);
	}
	return scan_has(p->app, "index.php") && is_root(p, ".", "index.php", 0);
}

static bool
plan_start(struct php *p)
{
	struct scan *app = p->app;
	bool heroku = heroku_root(p);

	if (!heroku && start_given(app)) {
		if (app->plan->static_root == NULL)
			(void)find_root(p);
		return true;
	}
	if (!heroku && !find_root(p))
		return false;
	app->plan->spa = p->framework != NULL && p->framework->front;
	start_set(&plan_add_process(app->plan, "web")->command,
	    "apache2-foreground");
	scan_why(app, "start", "apache2-foreground",
	    heroku ? "Procfile" : app->plan->static_root, 0);
	return true;
}

static int
php_fill(struct php *p, struct err *err)
{
	struct plan *plan = p->app->plan;

	plan_set(&plan->runtime, "php");
	plan_set(&plan->output, "server");
	scan_why(p->app, "runtime", "php",
	    p->composer != NULL ? "composer.json" : "index.php", 0);
	choose_version(p);
	find_framework(p);
	find_extensions(p);
	plan_install(p);
	if (node_assets(p->app, true, err) < 0)
		return -1;
	scan_override(p->app);
	if (plan_start(p))
		return 1;
	scan_miss(p->app, "composer.json: no index.php, here or in public");
	return 0;
}

static int
read_json(struct scan *app, const char *file, struct buf *text, json_t **v,
    struct err *err)
{
	int got = scan_read(app, file, SCAN_FILE_MAX, text, err);

	if (got != 1)
		return got;
	*v = jsonc_parse(buf_str(text), text->len, JSONC_STRICT, file, err);
	return *v != NULL ? 1 : -1;
}

static int
php_plan(struct scan *app, struct err *err)
{
	static const char *const alone[] = { "index.php", "public/index.php",
		"web/index.php", "public_html/index.php", "htdocs/index.php",
		"www/index.php", "html/index.php", NULL };
	struct php p = { .app = app };
	int got = read_json(app, "composer.json", &p.text, &p.composer, err);

	if (got == 1 &&
	    read_json(app, "composer.lock", &p.lock_text, &p.lock, err) < 0)
		got = -1;
	if (got == 0 && scan_first(app, alone) != NULL)
		got = 1;
	if (got == 1)
		got = php_fill(&p, err);
	json_decref(p.composer);
	json_decref(p.lock);
	buf_release(&p.text);
	buf_release(&p.lock_text);
	return got;
}

const struct runtime runtime_php = { "php", "composer.json, index.php",
	php_plan };
