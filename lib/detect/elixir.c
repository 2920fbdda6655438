/* elixir - mix.exs: a release, of Phoenix or of any application. */
#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

struct elixir {
	struct scan *app;
	struct buf text; /* of mix.exs, without comments */
	struct buf name; /* of the release */
};

/* Comments become blanks, lines stay where they are. */
static void
drop_comments(struct buf *b)
{
	char quote = '\0';

	for (size_t i = 0; i < b->len; i++) {
		char c = b->data[i];

		if (quote != '\0') {
			if (c == '\\' && i + 1 < b->len)
				i++;
			else if (c == quote)
				quote = '\0';
		} else if (c == '"') {
			quote = c;
		} else if (c == '#') {
			while (i < b->len && b->data[i] != '\n')
				b->data[i++] = ' ';
		}
	}
}

/* Where "key:" is a keyword of mix.exs; what follows, or NULL. */
static const char *
keyword(const struct elixir *e, const char *key)
{
	const char *text = buf_str(&e->text);
	size_t n = strlen(key);

	for (const char *s = text; (s = strstr(s, key)) != NULL; s += n)
		if (s[n] == ':' && s[n + 1] != ':' &&
		    (s == text || (!isalnum((unsigned char)s[-1]) &&
				      s[-1] != '_' && s[-1] != ':')))
			return s + n + 1 + strspn(s + n + 1, " \t\n");
	return NULL;
}

/* The atom, word or string at s. */
static bool
word(const char *s, struct buf *out)
{
	size_t n = 0;

	if (s == NULL)
		return false;
	buf_clear(out);
	if (*s == '"') {
		buf_add(out, s + 1, strcspn(s + 1, "\"\n"));
		return out->len > 0;
	}
	s += *s == ':';
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	buf_add(out, s, n);
	return n > 0;
}

/* The line of "{:name," in deps; 0: it is not there. */
static int
dependency(const struct elixir *e, const char *name)
{
	auto_free char *tuple = mem_printf("{:%s,", name);
	const char *at = strstr(buf_str(&e->text), tuple);

	return at != NULL ? line_at(e->text.data, at) : 0;
}

/* "~> 1.15 or ~> 1.17 and != 1.16.0" in our signs. */
static void
claim_range(const struct elixir *e, struct claims *c)
{
	auto_buf struct buf v = { 0 }, range = { 0 };
	const char *at = keyword(e, "elixir");

	if (at == NULL || *at != '"' || !word(at, &v))
		return;
	for (const char *s = v.data; *s != '\0';) {
		if (strncmp(s, " or ", 4) == 0) {
			buf_adds(&range, " || ");
			s += 4;
		} else if (strncmp(s, " and ", 5) == 0) {
			buf_addc(&range, ' ');
			s += 5;
		} else {
			buf_addc(&range, *s++);
		}
	}
	claims_add(c, range.data, "mix.exs", line_at(e->text.data, at));
}

/* The release of Erlang beneath: a variant of the image, "otp-27". */
static void
choose_otp(struct elixir *e, const struct claims *c)
{
	auto_claims struct claims otp = { 0 };
	const char *v = NULL;
	auto_buf struct buf b = { 0 };

	claims_tool(&otp, e->app, "erlang");
	claims_file(&otp, e->app, ".erlang-version");
	for (size_t i = 0; v == NULL && i < c->n; i++)
		if ((v = strstr(c->v[i].value, "-otp-")) != NULL)
			claims_add(&otp, v + 5, c->v[i].file, c->v[i].line);
	if (otp.n == 0)
		return;
	v = otp.v[0].value;
	buf_adds(&b, "otp-");
	buf_add(&b, v, strspn(v, "0123456789"));
	if (b.len <= 4)
		return;
	strvec_add(&e->app->plan->extensions, b.data);
	scan_why(e->app, "otp", b.data, otp.v[0].file, otp.v[0].line);
}

static void
choose_version(struct elixir *e)
{
	auto_claims struct claims c = { 0 };

	claims_file(&c, e->app, ".elixir-version");
	claims_tool(&c, e->app, "elixir");
	claim_range(e, &c);
	version_choose(e->app, "elixir", &c);
	choose_otp(e, &c);
}

static void
add_build(struct elixir *e, const char *text, const char *file, int line)
{
	command_shell(commands_add(&e->app->plan->build), text);
	scan_why(e->app, "build", text, file, line);
}

static void
plan_install(struct elixir *e)
{
	struct plan *plan = e->app->plan;
	bool locked = scan_has(e->app, "mix.lock");

	plan_set(&plan->package_manager, "mix");
	scan_why(e->app, "package_manager", "mix",
	    locked ? "mix.lock" : "mix.exs", 0);
	command_shell(commands_add(&plan->install), "mix deps.get --only prod");
	scan_why(e->app, "install", "mix deps.get --only prod",
	    locked ? "mix.lock" : "mix.exs", 0);
	if (!locked)
		plan_warn(plan, "no lock file: each build installs what is "
				"newest; commit the mix.lock that 'mix "
				"deps.get' writes");
	strvec_add(&plan->build_packages, "build-essential");
	strvec_add(&plan->build_packages, "git");
	if (keyword(e, "apps_path") != NULL || keyword(e, "path") != NULL)
		return; /* other manifests are in the tree */
	strvec_add(&plan->manifests, "mix.exs");
	if (locked)
		strvec_add(&plan->manifests, "mix.lock");
}

/* assets/package.json of Phoenix, or one at the root. */
static int
plan_assets(struct elixir *e, struct err *err)
{
	static const char *const files[] = { "assets/package.json",
		"assets/package-lock.json" };
	struct plan *plan = e->app->plan;
	bool locked = scan_has(e->app, files[1]);
	auto_buf struct buf text = { 0 };

	if (scan_has(e->app, "package.json"))
		return node_assets(e->app, true, err);
	if (!scan_has(e->app, files[0]))
		return 0;
	plan_set(&plan->node,
	    json_str(e->app->versions, "nodejs.default", "24"));
	buf_addf(&text, "npm %s --prefix assets", locked ? "ci" : "install");
	command_shell(commands_add(&plan->install), text.data);
	scan_why(e->app, "install", text.data, files[locked], 0);
	if (plan->manifests.n > 0) {
		strvec_add(&plan->manifests, files[0]);
		if (locked)
			strvec_add(&plan->manifests, files[1]);
	}
	return 1;
}

static void
plan_build(struct elixir *e)
{
	const char *at = strstr(buf_str(&e->text), "\"assets.deploy\"");

	add_build(e, "mix compile", "mix.exs", 0);
	if (at != NULL)
		add_build(e, "mix assets.deploy", "mix.exs",
		    line_at(e->text.data, at));
	else if (scan_has_dir(e->app, "priv/static") &&
		 dependency(e, "phoenix") > 0)
		add_build(e, "mix phx.digest", "priv/static", 0);
	add_build(e, "mix release", "mix.exs", 0);
	strvec_addf(&e->app->plan->artifacts, "_build/prod/rel/%s",
	    e->name.data);
}

static bool
plan_start(struct elixir *e)
{
	auto_buf struct buf text = { 0 };
	bool server = scan_has(e->app, "rel/overlays/bin/server");
	const char *at = keyword(e, "app");

	if (start_given(e->app))
		return true;
	buf_addf(&text, "_build/prod/rel/%s/bin/%s", e->name.data,
	    server ? "server" : e->name.data);
	if (!server)
		buf_adds(&text, " start");
	return start_believe(e->app, text.data,
	    server ? "rel/overlays/bin/server" : "mix.exs",
	    server || at == NULL ? 0 : line_at(e->text.data, at));
}

/* The release: the first that is named, else as the application. */
static bool
find_name(struct elixir *e)
{
	const char *s = keyword(e, "releases");

	if (s != NULL && *s == '[' &&
	    word(s + 1 + strspn(s + 1, " \t\n"), &e->name))
		return scan_is_plain(e->name.data);
	return word(keyword(e, "app"), &e->name) && scan_is_plain(e->name.data);
}

static int
elixir_fill(struct elixir *e, struct err *err)
{
	static const char *const frameworks[] = { "phoenix", "plug_cowboy",
		"bandit", "plug" };
	struct plan *plan = e->app->plan;

	plan_set(&plan->runtime, "elixir");
	plan_set(&plan->output, "server");
	scan_why(e->app, "runtime", "elixir", "mix.exs", 0);
	choose_version(e);
	plan_install(e);
	for (size_t i = 0; plan->framework == NULL && i < 4; i++) {
		int line = dependency(e, frameworks[i]);

		if (line == 0)
			continue;
		plan_set(&plan->framework, i == 0 ? "phoenix" : "plug");
		scan_why(e->app, "framework", plan->framework, "mix.exs", line);
	}
	if (!find_name(e) ||
	    (keyword(e, "mod") == NULL && keyword(e, "apps_path") == NULL)) {
		scan_miss(e->app, "mix.exs starts no application: a library");
		return 0;
	}
	if (keyword(e, "apps_path") != NULL && keyword(e, "releases") == NULL) {
		scan_miss(e->app, "mix.exs is an umbrella's without "
				  "`releases`: name one there");
		return 0;
	}
	if (plan_assets(e, err) < 0)
		return -1;
	plan_build(e);
	scan_override(e->app);
	return plan_start(e);
}

static int
elixir_plan(struct scan *app, struct err *err)
{
	struct elixir e = { .app = app };
	int got = scan_read(app, "mix.exs", SCAN_FILE_MAX, &e.text, err);

	if (got == 1) {
		drop_comments(&e.text);
		got = elixir_fill(&e, err);
	}
	buf_release(&e.text);
	buf_release(&e.name);
	return got;
}

const struct runtime runtime_elixir = { "elixir", "mix.exs", elixir_plan };
