/* dotnet - a project of C#, F# or Visual Basic: ASP.NET, a worker, a program,
 * or Blazor's files. */
#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/jsonc.h"
#include "parse/semver.h"
#include "parse/xml.h"

struct dotnet {
	struct scan *app;
	char *path; /* of the project that is published, or NULL */
	json_t *project;
	int score;
};

static bool
is_project(const char *path)
{
	return text_ends(path, ".csproj") || text_ends(path, ".fsproj") ||
	       text_ends(path, ".vbproj");
}

/* A property of any <PropertyGroup>, and its line. */
static const char *
property(const json_t *project, const char *name, int *line)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(project, "in"), i, one) {
		const char *s;

		if (strcmp(json_str(one, "name", ""), "PropertyGroup") != 0)
			continue;
		s = xml_text(one, name);
		*line = xml_line(xml_at(one, name));
		if (s != NULL)
			return s;
	}
	*line = 0;
	return NULL;
}

static bool
refers_to(const json_t *project, const char *package)
{
	size_t i, k;
	json_t *group, *one;

	json_array_foreach(json_object_get(project, "in"), i, group)
		json_array_foreach(json_object_get(group, "in"), k, one) {
			const char *s = json_str(one, "attrs.Include", "");

			if (strcasecmp(s, package) == 0)
				return true;
		}
	return false;
}

static const char *
sdk(const json_t *project)
{
	return json_str(project, "attrs.Sdk", "");
}

static bool
is_web(const json_t *project)
{
	return text_starts(sdk(project), "Microsoft.NET.Sdk.Web") ||
	       refers_to(project, "Microsoft.AspNetCore.App");
}

static bool
is_blazor(const json_t *project)
{
	return text_starts(sdk(project), "Microsoft.NET.Sdk.BlazorWebAssembly");
}

/* How well a project fits as the app: 0, not at all. */
static int
score_of(const json_t *project, const char *path)
{
	int line, score = 0;
	const char *type = property(project, "OutputType", &line);

	if (refers_to(project, "Microsoft.NET.Test.Sdk") ||
	    strstr(path, "Test") != NULL || strstr(path, "test") != NULL)
		return 0;
	if (is_web(project))
		score = 400;
	else if (is_blazor(project))
		score = 300;
	else if (text_starts(sdk(project), "Microsoft.NET.Sdk.Worker"))
		score = 200;
	else if (type != NULL && strcasecmp(type, "Exe") == 0)
		score = 100;
	for (const char *s = path; score > 1 && *s != '\0'; s++)
		score -= *s == '/' ? 10 : 0;
	return score;
}

static int
find_project(struct dotnet *d, struct err *err)
{
	for (size_t i = 0; i < d->app->files.n; i++) {
		const char *path = d->app->files.v[i];
		auto_buf struct buf text = { 0 };
		json_t *project;
		int score;

		if (!is_project(path) || !scan_is_plain(path))
			continue;
		if (scan_read(d->app, path, SCAN_FILE_MAX, &text, err) != 1)
			return -1;
		project = xml_parse(buf_str(&text), text.len, path, err);
		if (project == NULL)
			return -1;
		score = score_of(project, path);
		if (score <= d->score) {
			json_decref(project);
			continue;
		}
		d->score = score;
		json_decref(d->project);
		d->project = project;
		plan_set(&d->path, path);
	}
	return 0;
}

/* "net8.0" is 8.0, "net9.0-windows" too; of several the newest. */
static void
claim_framework(struct claims *c, const char *text, const char *file, int line)
{
	auto_buf struct buf best = { 0 };
	struct semver v, newest = { 0 };

	for (const char *s = text; s != NULL && *s != '\0';) {
		size_t n = strcspn(s, ";");

		if (strncmp(s, "netcoreapp", 10) == 0 ||
		    (strncmp(s, "net", 3) == 0 &&
			isdigit((unsigned char)s[3]) &&
			memchr(s, '.', n) != NULL)) {
			const char *number = s + (s[3] == 'c' ? 10 : 3);
			auto_free char *one =
			    mem_strndup(number, strspn(number, "0123456789."));

			if (semver_parse(&v, one) &&
			    semver_compare(&v, &newest) > 0) {
				newest = v;
				buf_clear(&best);
				buf_adds(&best, one);
			}
		}
		s += n + (s[n] == ';');
	}
	if (best.len > 0)
		claims_add(c, best.data, file, line);
}

static void
choose_version(struct dotnet *d)
{
	static const char *const names[] = { "TargetFramework",
		"TargetFrameworks" };
	static const char props[] = "Directory.Build.props";
	auto_claims struct claims c = { 0 };
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };
	json_auto_t *shared = NULL;
	int line;

	if (scan_peek(d->app, props, &text))
		shared = xml_parse(text.data, text.len, props, &err);
	for (size_t i = 0; i < 2; i++) {
		const char *v = property(d->project, names[i], &line);

		claim_framework(&c, v, d->path, line);
		v = property(shared, names[i], &line);
		claim_framework(&c, v, props, line);
	}
	claims_tool(&c, d->app, "dotnet");
	claims_tool(&c, d->app, "dotnet-core");
	version_choose(d->app, "dotnet", &c);
}

/* global.json: the very SDK, unless it may roll forward past its line. */
static int
choose_sdk(struct dotnet *d, struct err *err)
{
	static const char *const free_rolls[] = { "latestFeature", "feature",
		"minor", "latestMinor", "major", "latestMajor" };
	struct plan *plan = d->app->plan;
	auto_buf struct buf text = { 0 }, tag = { 0 };
	json_auto_t *v = NULL;
	const char *version, *roll;
	int got = scan_read(d->app, "global.json", SCAN_FILE_MAX, &text, err);
	int line;
	bool exact = true;

	plan_set(&plan->package_manager, "nuget");
	scan_why(d->app, "package_manager", "nuget", d->path, 0);
	plan_set(&plan->package_manager_version, plan->version);
	if (got <= 0)
		return got;
	v = jsonc_parse(buf_str(&text), text.len, JSONC_COMMENTS, "global.json",
	    err);
	if (v == NULL)
		return -1;
	version = json_str(v, "sdk.version", NULL);
	if (version == NULL || !scan_is_plain(version))
		return 0;
	roll = json_str(v, "sdk.rollForward", "latestPatch");
	for (size_t i = 0; i < sizeof(free_rolls) / sizeof(*free_rolls); i++)
		exact = exact && strcmp(roll, free_rolls[i]) != 0;
	line = jsonc_line(text.data, text.len, "sdk.version");
	/* 8.0.404 is of the line 8.0 */
	buf_add(&tag, version, exact ? strlen(version) : strcspn(version, "."));
	if (!exact)
		buf_adds(&tag, ".0");
	plan_set(&plan->package_manager_version, tag.data);
	scan_why(d->app, "sdk", tag.data, "global.json", line);
	return 0;
}

/* All that restoring reads: it looks into every project that is referred to. */
static void
list_manifests(struct dotnet *d)
{
	static const char *const names[] = { "global.json", "nuget.config",
		"NuGet.config", "NuGet.Config", "Directory.Build.props",
		"Directory.Build.targets", "Directory.Packages.props",
		"packages.lock.json" };
	struct strvec *list = &d->app->plan->manifests;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (scan_has(d->app, names[i]))
			strvec_add(list, names[i]);
	for (size_t i = 0; i < d->app->files.n; i++)
		if (is_project(d->app->files.v[i]) &&
		    scan_is_plain(d->app->files.v[i]))
			strvec_add(list, d->app->files.v[i]);
}

static char *
assembly(const struct dotnet *d)
{
	const char *slash = strrchr(d->path, '/');
	const char *base = slash != NULL ? slash + 1 : d->path;
	int line;
	const char *said = property(d->project, "AssemblyName", &line);

	if (said != NULL && scan_is_plain(said))
		return mem_strdup(said);
	return mem_strndup(base, (size_t)(strrchr(base, '.') - base));
}

static void
plan_build(struct dotnet *d)
{
	struct plan *plan = d->app->plan;
	auto_buf struct buf text = { 0 }, restore = { 0 };
	int line;

	buf_addf(&restore, "dotnet restore %s%s", d->path,
	    scan_has(d->app, "packages.lock.json") ? " --locked-mode" : "");
	command_shell(commands_add(&plan->install), restore.data);
	scan_why(d->app, "install", restore.data, d->path, 0);
	buf_addf(&text,
	    "dotnet publish %s -c Release -o out --no-restore "
	    "-p:UseAppHost=false%s",
	    d->path,
	    property(d->project, "PublishAot", &line) != NULL
		? " -p:PublishAot=false"
		: "");
	command_shell(commands_add(&plan->build), text.data);
	scan_why(d->app, "build", text.data, d->path, 0);
	strvec_add(&plan->artifacts, "out");
}

static int
dotnet_fill(struct dotnet *d, struct err *err)
{
	struct plan *plan = d->app->plan;
	auto_free char *name = assembly(d), *start = NULL;

	scan_why(d->app, "runtime", "dotnet", d->path, 0);
	choose_version(d);
	if (choose_sdk(d, err) < 0)
		return -1;
	if (is_web(d->project) || is_blazor(d->project)) {
		plan_set(&plan->framework,
		    is_blazor(d->project) ? "blazor" : "aspnet");
		scan_why(d->app, "framework", plan->framework, d->path,
		    xml_line(d->project));
	}
	list_manifests(d);
	plan_build(d);
	if (is_blazor(d->project)) {
		plan_set(&plan->output, "static");
		plan_set(&plan->static_root, "out/wwwroot");
		plan->spa = true;
		scan_why(d->app, "static_root", "out/wwwroot", d->path, 0);
		strvec_clear(&plan->artifacts);
		scan_override(d->app);
		(void)plan_add_process(plan, "web");
		return 1;
	}
	scan_override(d->app);
	if (start_given(d->app))
		return 1;
	start = mem_printf("dotnet out/%s.dll", name);
	return start_believe(d->app, start, d->path, 0);
}

static int
dotnet_plan(struct scan *app, struct err *err)
{
	struct dotnet d = { .app = app };
	bool any = false;
	int got = 0;

	for (size_t i = 0; i < app->files.n; i++)
		any = any ||
		      (is_project(app->files.v[i]) &&
			  strchr(app->files.v[i], '/') == NULL) ||
		      text_ends(app->files.v[i], ".sln") ||
		      text_ends(app->files.v[i], ".slnx");
	if (!any)
		return 0;
	plan_set(&app->plan->runtime, "dotnet");
	plan_set(&app->plan->output, "server");
	if (find_project(&d, err) < 0)
		got = -1;
	else if (d.path != NULL)
		got = dotnet_fill(&d, err);
	else
		scan_miss(app, "no project makes a program: libraries and "
			       "tests");
	free(d.path);
	json_decref(d.project);
	return got;
}

const struct runtime runtime_dotnet = { "dotnet", "*.csproj, *.fsproj, *.sln",
	dotnet_plan };
