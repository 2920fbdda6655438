/* ruby - Gemfile or a config.ru: Rails, what rack serves, sites that a
 * generator writes, plain programs. */
#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/gemfile.h"
#include "parse/semver.h"

struct ruby {
	struct scan *app;
	json_t *gemfile, *lock; /* empty objects where there are none */
	bool has_gemfile, has_lock;
};

static const struct {
	const char *gem, *name;
} frameworks[] = { { "rails", "rails" }, { "hanami", "hanami" },
	{ "roda", "roda" }, { "grape", "grape" }, { "sinatra", "sinatra" },
	{ "jekyll", "jekyll" }, { "github-pages", "jekyll" },
	{ "middleman", "middleman" }, { "bridgetown", "bridgetown" } };

/* Debian packages that a gem is compiled and runs with. */
static const struct {
	const char *gem, *build, *run;
} native[] = { { "pg", "libpq-dev", "libpq5" },
	{ "mysql2", "default-libmysqlclient-dev", "libmariadb3" },
	{ "ruby-vips", NULL, "libvips" },
	{ "mini_magick", NULL, "imagemagick" },
	{ "rmagick", "libmagickwand-dev", "imagemagick" },
	{ "charlock_holmes", "libicu-dev", "libicu76" },
	{ "curb", "libcurl4-openssl-dev", "libcurl4" },
	{ "ruby-filemagic", "libmagic-dev", "libmagic1" },
	{ "tiny_tds", "freetds-dev", "libsybdb5" }, { "rugged", "cmake", NULL },
	{ "grover", NULL, "chromium" }, { "streamio-ffmpeg", NULL, "ffmpeg" } };

/* Servers of rack, the best first. */
static const struct {
	const char *gem, *config, *start, *plain;
} servers[] = {
	{ "puma", "config/puma.rb", "bundle exec puma -C config/puma.rb",
	    "bundle exec puma -b tcp://0.0.0.0:$PORT config.ru" },
	{ "falcon", "falcon.rb", "bundle exec falcon host",
	    "bundle exec falcon serve --bind http://0.0.0.0:$PORT" },
	{ "unicorn", "config/unicorn.rb",
	    "bundle exec unicorn -c config/unicorn.rb -p $PORT",
	    "bundle exec unicorn -o 0.0.0.0 -p $PORT" },
	{ "iodine", "config/iodine.rb", "bundle exec iodine -p $PORT",
	    "bundle exec iodine -b 0.0.0.0 -p $PORT" },
	{ "thin", "config/thin.yml", "bundle exec thin start -p $PORT",
	    "bundle exec thin start -a 0.0.0.0 -p $PORT" },
};

/* Where a gem is named, file and line; NULL: it is not. */
static const char *
gem_file(const struct ruby *r, const char *gem, int *line)
{
	json_t *v = json_object_get(json_object_get(r->gemfile, "gems"), gem);

	if (v != NULL) {
		*line = (int)json_integer_value(v);
		return "Gemfile";
	}
	v = json_object_get(json_object_get(r->lock, "gems"), gem);
	*line = (int)json_int(v, "line", 0);
	return v != NULL ? "Gemfile.lock" : NULL;
}

static bool
has_gem(const struct ruby *r, const char *gem)
{
	int line;

	return gem_file(r, gem, &line) != NULL;
}

static void
claim_gemfile(const struct ruby *r, struct claims *c, bool exact)
{
	const char *v = json_str(r->gemfile, "ruby", NULL);
	struct semver full;

	if (v != NULL && semver_parse(&full, v) == exact)
		claims_add(c, v, "Gemfile",
		    (int)json_int(r->gemfile, "ruby_line", 0));
}

/* An exact version of the Gemfile is enforced by bundler; a range is not
 * more than that. */
static void
choose_version(struct ruby *r)
{
	auto_claims struct claims c = { 0 };

	claim_gemfile(r, &c, true);
	claims_file(&c, r->app, ".ruby-version");
	claims_tool(&c, r->app, "ruby");
	claims_add(&c, json_str(r->lock, "ruby", NULL), "Gemfile.lock",
	    (int)json_int(r->lock, "ruby_line", 0));
	claim_gemfile(r, &c, false);
	version_choose(r->app, "ruby", &c);
}

/* A lock made on another system only has that one's gems. */
static bool
is_for_linux(const struct ruby *r)
{
	json_t *list = json_object_get(r->lock, "platforms"), *one;
	size_t i;

	json_array_foreach(list, i, one) {
		const char *s = json_string_value(one);

		if (strcmp(s, "ruby") == 0 || strstr(s, "linux") != NULL)
			return true;
	}
	return json_array_size(list) == 0;
}

static void
add_native(struct ruby *r)
{
	struct plan *plan = r->app->plan;
	int line;

	strvec_add(&plan->build_packages, "build-essential");
	strvec_add(&plan->build_packages, "git");
	strvec_add(&plan->build_packages, "libyaml-dev");
	strvec_add(&plan->build_packages, "pkg-config");
	for (size_t i = 0; i < sizeof(native) / sizeof(*native); i++) {
		const char *file = gem_file(r, native[i].gem, &line);

		if (file == NULL)
			continue;
		if (native[i].build != NULL)
			strvec_add(&plan->build_packages, native[i].build);
		if (native[i].run != NULL)
			strvec_add(&plan->packages, native[i].run);
		scan_why(r->app, "packages",
		    native[i].run != NULL ? native[i].run : native[i].build,
		    file, line);
	}
}

static void
plan_install(struct ruby *r)
{
	struct plan *plan = r->app->plan;
	const char *text = "bundle install";
	const char *file = r->has_lock ? "Gemfile.lock" : "Gemfile";

	if (!r->has_gemfile) {
		text = "gem install puma rack rackup";
		command_shell(commands_add(&plan->install), text);
		scan_why(r->app, "install", text, "config.ru", 0);
		plan_warn(plan, "no Gemfile: what runs is the newest of puma, "
				"rack and rackup; a Gemfile keeps it");
		add_native(r);
		strvec_add(&plan->manifests, "config.ru");
		return;
	}
	plan_set(&plan->package_manager, "bundler");
	scan_why(r->app, "package_manager", "bundler", file, 0);
	if (!r->has_lock)
		plan_warn(plan, "no lock file: each build installs what is "
				"newest; commit the Gemfile.lock that 'bundle "
				"install' writes");
	else if (is_for_linux(r))
		text = "BUNDLE_FROZEN=true bundle install";
	else
		plan_warn(plan, "Gemfile.lock has no gems for linux: 'bundle "
				"lock --add-platform x86_64-linux' adds them; "
				"the build chooses them anew");
	command_shell(commands_add(&plan->install), text);
	scan_why(r->app, "install", text, file, 0);
	add_native(r);
	if (json_is_true(json_object_get(r->lock, "path")) ||
	    scan_mentions(r->app, "Gemfile", "gemspec") > 0 ||
	    scan_mentions(r->app, "Gemfile", "path:") > 0 ||
	    scan_mentions(r->app, "Gemfile", "eval_gemfile") > 0)
		return;
	strvec_add(&plan->manifests, "Gemfile");
	if (r->has_lock)
		strvec_add(&plan->manifests, "Gemfile.lock");
	if (json_object_get(r->gemfile, "ruby_file") != NULL) {
		const char *said = json_str(r->gemfile, "ruby_file", "");

		if (scan_is_plain(said) && scan_has(r->app, said))
			strvec_add(&plan->manifests, said);
	}
}

static void
find_framework(struct ruby *r)
{
	int line;

	for (size_t i = 0; i < sizeof(frameworks) / sizeof(*frameworks); i++) {
		const char *file = gem_file(r, frameworks[i].gem, &line);

		if (file == NULL)
			continue;
		plan_set(&r->app->plan->framework, frameworks[i].name);
		scan_why(r->app, "framework", frameworks[i].name, file, line);
		return;
	}
}

static bool
is_framework(const struct ruby *r, const char *name)
{
	return r->app->plan->framework != NULL &&
	       strcmp(r->app->plan->framework, name) == 0;
}

static void
add_build(struct ruby *r, const char *text, const char *file, int line)
{
	command_shell(commands_add(&r->app->plan->build), text);
	scan_why(r->app, "build", text, file, line);
}

/* Assets, with a key that is only good for this. */
static void
rails_build(struct ruby *r)
{
	static const char *const pipelines[] = { "propshaft", "sprockets",
		"sprockets-rails", "vite_rails", "shakapacker", "webpacker" };
	const char *version =
	    json_str(json_object_get(json_object_get(r->lock, "gems"), "rails"),
		"version", "8");
	struct semver v = { 0 };
	const char *file = NULL;
	int line = 0;
	bool dummy = !semver_parse(&v, version) || v.part[0] > 7 ||
		     (v.part[0] == 7 && v.part[1] >= 1);
	auto_buf struct buf text = { 0 };

	if (has_gem(r, "bootsnap"))
		add_build(r,
		    "bundle exec bootsnap precompile --gemfile app/ "
		    "lib/",
		    gem_file(r, "bootsnap", &line), line);
	for (size_t i = 0; i < sizeof(pipelines) / sizeof(*pipelines); i++)
		if (file == NULL)
			file = gem_file(r, pipelines[i], &line);
	if (file == NULL && !scan_has_dir(r->app, "app/assets"))
		return;
	buf_addf(&text, "%s bundle exec rails assets:precompile",
	    dummy ? "SECRET_KEY_BASE_DUMMY=1"
		  : "SECRET_KEY_BASE=only-while-building");
	add_build(r, text.data, file != NULL ? file : "app/assets",
	    file != NULL ? line : 0);
}

/* Files that a generator writes: where to. */
static const char *
site(const struct ruby *r, const char **build)
{
	if (is_framework(r, "jekyll")) {
		*build = "JEKYLL_ENV=production bundle exec jekyll build";
		return "_site";
	}
	if (is_framework(r, "middleman")) {
		*build = "bundle exec middleman build";
		return "build";
	}
	if (is_framework(r, "bridgetown")) {
		*build = "BRIDGETOWN_ENV=production bundle exec bridgetown "
			 "deploy";
		return "output";
	}
	return NULL;
}

static bool
plan_site(struct ruby *r)
{
	struct plan *plan = r->app->plan;
	const char *build = NULL, *root = site(r, &build), *file;
	int line = 0;

	if (root == NULL || scan_has(r->app, "config.ru"))
		return false;
	file = gem_file(r, plan->framework, &line);
	plan_set(&plan->output, "static");
	plan_set(&plan->static_root, root);
	if (plan->build.n == 0 || plan->node != NULL)
		add_build(r, build, file != NULL ? file : "Gemfile", line);
	scan_why(r->app, "static_root", root, plan->framework, 0);
	(void)plan_add_process(plan, "web");
	return true;
}

static bool
rack_start(struct ruby *r)
{
	struct scan *app = r->app;

	if (!scan_has(app, "config.ru"))
		return false;
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		int line = 0;
		const char *file = gem_file(r, servers[i].gem, &line);
		bool own = scan_has(app, servers[i].config);

		if (file != NULL)
			return start_believe(app,
			    own ? servers[i].start : servers[i].plain,
			    own ? servers[i].config : file, own ? 0 : line);
	}
	if (r->has_gemfile && !has_gem(r, "rackup") && !has_gem(r, "rack"))
		plan_warn(app->plan, "no server of rack is in the Gemfile: add "
				     "puma");
	return start_believe(app,
	    r->has_gemfile ? "bundle exec rackup -o 0.0.0.0 -p $PORT"
			   : "rackup -o 0.0.0.0 -p $PORT",
	    "config.ru", 0);
}

static bool
program_start(struct ruby *r)
{
	static const char *const names[] = { "app.rb", "main.rb", "server.rb",
		"web.rb", "application.rb", "start.rb", "bot.rb", "run.rb",
		"index.rb", NULL };
	const char *path = scan_first(r->app, names);
	auto_buf struct buf text = { 0 };
	int line;

	if (path == NULL)
		return false;
	buf_addf(&text, "%sruby %s", r->has_gemfile ? "bundle exec " : "",
	    path);
	line = scan_mentions(r->app, path, "sinatra");
	if (line > 0)
		buf_adds(&text, " -o 0.0.0.0 -p $PORT");
	return start_believe(r->app, text.data, path, line);
}

static bool
plan_start(struct ruby *r)
{
	struct scan *app = r->app;

	if (start_given(app))
		return true;
	if (is_framework(r, "rails") && scan_has(app, "config/application.rb"))
		return start_believe(app,
		    scan_is_program(app, "bin/rails")
			? "bin/rails server -b 0.0.0.0"
			: "bundle exec rails server -b 0.0.0.0",
		    "config/application.rb", 0);
	if (is_framework(r, "hanami") && scan_has(app, "config/app.rb"))
		return start_believe(app,
		    "bundle exec hanami server --host 0.0.0.0 --port $PORT",
		    "config/app.rb", 0);
	return rack_start(r) || plan_site(r) || program_start(r);
}

static int
ruby_fill(struct ruby *r, struct err *err)
{
	static const char *const bundlers[] = { "jsbundling-rails",
		"cssbundling-rails", "vite_rails", "vite_ruby", "shakapacker",
		"webpacker" };
	struct plan *plan = r->app->plan;
	bool own = true;

	plan_set(&plan->runtime, "ruby");
	plan_set(&plan->output, "server");
	scan_why(r->app, "runtime", "ruby",
	    r->has_gemfile ? "Gemfile" : "config.ru", 0);
	choose_version(r);
	plan_install(r);
	find_framework(r);
	/* These run the build script of package.json themselves. */
	for (size_t i = 0; i < sizeof(bundlers) / sizeof(*bundlers); i++)
		own = own && !has_gem(r, bundlers[i]);
	if (node_assets(r->app, own, err) < 0)
		return -1;
	if (is_framework(r, "rails"))
		rails_build(r);
	scan_override(r->app);
	if (plan_start(r))
		return 1;
	scan_miss(r->app, "Gemfile: no rails, no config.ru, no program like "
			  "app.rb to start");
	return 0;
}

static int
read_files(struct ruby *r, struct err *err)
{
	auto_buf struct buf text = { 0 }, lock = { 0 };
	int got = scan_read(r->app, "Gemfile", SCAN_FILE_MAX, &text, err);
	int locked =
	    scan_read(r->app, "Gemfile.lock", SCAN_FILE_MAX, &lock, err);

	if (got < 0 || locked < 0)
		return -1;
	r->has_gemfile = got == 1;
	r->has_lock = r->has_gemfile && locked == 1;
	r->gemfile = gemfile_parse(buf_str(&text), text.len);
	r->lock = gemlock_parse(buf_str(&lock), r->has_lock ? lock.len : 0);
	return r->has_gemfile || scan_has(r->app, "config.ru");
}

static int
ruby_plan(struct scan *app, struct err *err)
{
	struct ruby r = { .app = app };
	int got = read_files(&r, err);

	if (got == 1)
		got = ruby_fill(&r, err);
	json_decref(r.gemfile);
	json_decref(r.lock);
	return got;
}

const struct runtime runtime_ruby = { "ruby", "Gemfile, config.ru", ruby_plan };
