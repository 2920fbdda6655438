/* java - pom.xml or build.gradle: Spring Boot, Quarkus, Micronaut, Ktor, an
 * application with a main class, a war. */
#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/semver.h"
#include "parse/xml.h"

enum { MODULES_MAX = 64, SOURCES_MAX = 400 };

struct java {
	struct scan *app;
	const char *file; /* "pom.xml", "build.gradle", "settings.gradle" */
	bool wrapper;
	json_t *pom, *module_pom; /* of the root, of the app's module */
	struct buf text; /* Gradle: the module's script, plugin ids with it */
	struct buf script; /* its path */
	struct buf dir; /* of the module, "" or "app/" */
};

/* Of a Maven app the group that its framework's artifacts are in; of a
 * Gradle one the plugin. */
static const struct {
	const char *name, *group, *plugin;
} frameworks[] = {
	{ "spring-boot", "org.springframework.boot",
	    "org.springframework.boot" },
	{ "quarkus", "io.quarkus", "io.quarkus" },
	{ "micronaut", "io.micronaut", "io.micronaut.application" },
	{ "ktor", "io.ktor", "io.ktor.plugin" },
	{ "dropwizard", "io.dropwizard", "io.dropwizard" },
	{ "javalin", "io.javalin", "io.javalin" },
	{ "vertx", "io.vertx", "io.vertx" },
	{ "helidon", "io.helidon", "io.helidon" },
};

/* The jar that is run, whatever it is called, among those beside it. */
static const char pick[] =
    "cp \"$(ls %s%s/*%s.jar | grep -vE "
    "'(/original-|-(sources|javadoc|plain|tests)\\.jar$)' | head -n 1)\" "
    "app.jar";

/*
 * Versions.
 */

/* "1.8" is 8, "VERSION_1_8" too, "temurin-21.0.4+7" and "21.0.4-tem" are 21:
 * a line is what images are named by. */
static void
claim_java(struct claims *c, const char *v, const char *file, int line)
{
	char number[8] = "";

	if (v == NULL)
		return;
	while (*v != '\0' && !isdigit((unsigned char)*v))
		v++;
	if (v[0] == '1' && (v[1] == '.' || v[1] == '_') &&
	    isdigit((unsigned char)v[2]))
		v += 2;
	for (size_t n = 0; n < 3 && isdigit((unsigned char)v[n]); n++)
		number[n] = v[n];
	if (*number != '\0')
		claims_add(c, number, file, line);
}

/* KEY=VALUE of a file of properties; file may be NULL. */
static bool
property(struct scan *app, const char *file, const char *key, struct buf *v,
    int *line)
{
	auto_buf struct buf text = { 0 }, one = { 0 };
	const char *s;
	size_t k = strlen(key);

	*line = 0;
	if (!scan_peek(app, file, &text))
		return false;
	for (s = text.data; line_next(&s, &one);) {
		const char *rest = buf_str(&one) + k;

		++*line;
		if (strncmp(buf_str(&one), key, k) != 0)
			continue;
		rest += strspn(rest, " \t");
		if (*rest != '=' && *rest != ':')
			continue;
		buf_clear(v);
		buf_adds(v, rest + 1 + strspn(rest + 1, " \t"));
		return true;
	}
	return false;
}

static void
claim_property(struct java *j, struct claims *c, const char *file,
    const char *key)
{
	auto_buf struct buf v = { 0 };
	int line;

	if (property(j->app, file, key, &v, &line))
		claim_java(c, buf_str(&v), file, line);
}

/* A property of a pom, "${java.version}" followed once. */
static void
claim_pom(struct claims *c, const json_t *pom, const char *path)
{
	const char *v = xml_text(pom, path);
	const json_t *props = xml_at(pom, "properties");
	size_t i;
	json_t *one;

	if (v == NULL)
		return;
	if (text_starts(v, "${")) {
		auto_free char *name = mem_strndup(v + 2, strcspn(v + 2, "}"));

		v = NULL;
		json_array_foreach(json_object_get(props, "in"), i, one)
			if (strcmp(json_str(one, "name", ""), name) == 0)
				v = json_str(one, "text", NULL);
	}
	claim_java(c, v, "pom.xml", xml_line(xml_at(pom, path)));
}

/* A property's name has dots, which a path has between elements. */
static void
claim_pom_property(struct claims *c, const json_t *pom, const char *name)
{
	const json_t *props = xml_at(pom, "properties");
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(props, "in"), i, one)
		if (strcmp(json_str(one, "name", ""), name) == 0 &&
		    isdigit((unsigned char)*json_str(one, "text", "")))
			claim_java(c, json_str(one, "text", NULL), "pom.xml",
			    xml_line(one));
}

static const json_t *
plugin(const json_t *pom, const char *artifact)
{
	static const char *const lists[] = { "build.plugins",
		"build.pluginManagement.plugins", NULL };
	size_t i;
	json_t *one;

	for (size_t k = 0; lists[k] != NULL; k++)
		json_array_foreach(json_object_get(xml_at(pom, lists[k]), "in"),
		    i, one) {
			const char *id = xml_text(one, "artifactId");

			if (id != NULL && strcmp(id, artifact) == 0)
				return one;
		}
	return NULL;
}

static void
claim_maven(struct java *j, struct claims *c)
{
	static const char *const names[] = { "maven.compiler.release",
		"java.version", "maven.compiler.target", "jdk.version",
		"maven.compiler.source", "kotlin.compiler.jvmTarget" };
	static const char *const places[] = { "configuration.release",
		"configuration.target", "configuration.source" };
	const json_t *poms[] = { j->module_pom, j->pom };

	for (size_t p = 0; p < 2; p++) {
		const json_t *compiler =
		    plugin(poms[p], "maven-compiler-plugin");

		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			claim_pom_property(c, poms[p], names[i]);
		for (size_t i = 0; i < 3; i++)
			claim_pom(c, compiler, places[i]);
	}
}

static void
claim_gradle(struct java *j, struct claims *c)
{
	static const char *const signs[] = { "JavaLanguageVersion.of(",
		"jvmToolchain(", "sourceCompatibility", "targetCompatibility",
		"options.release", "jvmTarget" };

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		const char *at = strstr(buf_str(&j->text), signs[i]);
		auto_free char *rest = NULL;

		if (at == NULL)
			continue;
		rest = mem_strndup(at + strlen(signs[i]),
		    strcspn(at + strlen(signs[i]), "\n"));
		claim_java(c, rest, buf_str(&j->script),
		    line_at(j->text.data, at));
	}
}

/* What an old Gradle can run on, where nobody says a version. */
static void
claim_wrapper(struct java *j, struct claims *c)
{
	static const char file[] = "gradle/wrapper/gradle-wrapper.properties";
	auto_buf struct buf url = { 0 };
	struct semver v, limit = { { 8, 5, 0 }, 2 }, old = { { 7, 3, 0 }, 2 };
	const char *at;
	int line;

	if (c->n > 0 ||
	    !property(j->app, file, "distributionUrl", &url, &line) ||
	    (at = strstr(buf_str(&url), "gradle-")) == NULL ||
	    !semver_parse(&v, at + 7 + strcspn(at + 7, "0123456789")))
		return;
	if (v.part[0] < 5)
		claims_add(c, "8", file, line);
	else if (semver_compare(&v, &old) < 0)
		claims_add(c, "11", file, line);
	else if (semver_compare(&v, &limit) < 0)
		claims_add(c, "17", file, line);
}

static void
choose_version(struct java *j)
{
	auto_claims struct claims c = { 0 }, tool = { 0 };

	claim_property(j, &c, "system.properties", "java.runtime.version");
	claims_file(&tool, j->app, ".java-version");
	claims_tool(&tool, j->app, "java");
	for (size_t i = 0; i < tool.n; i++)
		claim_java(&c, tool.v[i].value, tool.v[i].file, tool.v[i].line);
	claim_property(j, &c, ".sdkmanrc", "java");
	if (j->pom != NULL)
		claim_maven(j, &c);
	else
		claim_gradle(j, &c);
	claim_wrapper(j, &c);
	version_choose(j->app, "java", &c);
}

/*
 * What it is.
 */

/* Does a pom name a group, as its parent or of a dependency? */
static int
uses_group(const json_t *pom, const char *group)
{
	static const char *const lists[] = { "dependencies",
		"dependencyManagement.dependencies", "build.plugins", NULL };
	const char *s = xml_text(pom, "parent.groupId");
	size_t i, n = strlen(group);
	json_t *one;

	if (s != NULL && strncmp(s, group, n) == 0)
		return xml_line(xml_at(pom, "parent"));
	for (size_t k = 0; lists[k] != NULL; k++)
		json_array_foreach(json_object_get(xml_at(pom, lists[k]), "in"),
		    i, one) {
			s = xml_text(one, "groupId");
			if (s != NULL && strncmp(s, group, n) == 0 &&
			    (s[n] == '\0' || s[n] == '.'))
				return xml_line(one);
		}
	return 0;
}

static void
find_framework(struct java *j)
{
	struct plan *plan = j->app->plan;

	for (size_t i = 0; i < sizeof(frameworks) / sizeof(*frameworks); i++) {
		const char *at = NULL, *file = j->file;
		int line = 0;

		if (j->pom != NULL) {
			line = uses_group(j->module_pom, frameworks[i].group);
			if (line == 0)
				line = uses_group(j->pom, frameworks[i].group);
		} else {
			at = strstr(buf_str(&j->text), frameworks[i].plugin);
			file = buf_str(&j->script);
			line = at != NULL ? line_at(j->text.data, at) : 0;
		}
		if (line == 0)
			continue;
		plan_set(&plan->framework, frameworks[i].name);
		scan_why(j->app, "framework", frameworks[i].name, file, line);
		return;
	}
}

static bool
is_framework(const struct java *j, const char *name)
{
	return j->app->plan->framework != NULL &&
	       strcmp(j->app->plan->framework, name) == 0;
}

static void
add_build(struct java *j, const char *text)
{
	command_shell(commands_add(&j->app->plan->build), text);
	scan_why(j->app, "build", text,
	    j->script.len > 0 ? j->script.data : j->file, 0);
}

/* app.jar of the one in folder whose name ends so. */
static bool
start_jar(struct java *j, const char *folder, const char *end,
    const char *arguments)
{
	auto_free char *copy = mem_printf(pick, buf_str(&j->dir), folder, end);
	auto_free char *start =
	    mem_printf("java -XX:MaxRAMPercentage=75 -jar app.jar%s",
		arguments);

	add_build(j, copy);
	strvec_add(&j->app->plan->artifacts, "app.jar");
	return start_believe(j->app, start,
	    j->script.len > 0 ? j->script.data : j->file, 0);
}

struct main_search {
	struct java *j;
	const char *root; /* "app/src/main/java/" */
	struct buf class, file;
	int seen;
};

/* A walk of its own: packages are deep. */
static int
see_source(const struct tree_entry *e, void *ctx, struct err *err)
{
	struct main_search *m = ctx;
	bool kotlin = text_ends(e->path, ".kt");
	const char *rest = e->path + strlen(m->root);

	(void)err;
	if (e->type == TREE_DIR || m->class.len > 0 || m->seen >= SOURCES_MAX ||
	    !text_starts(e->path, m->root) ||
	    (!kotlin && !text_ends(e->path, ".java")) || !scan_is_plain(rest))
		return 0;
	m->seen++;
	if (scan_mentions(m->j->app, e->path,
		kotlin ? "fun main(" : "static void main(") == 0)
		return 0;
	for (; *rest != '\0' && *rest != '.'; rest++)
		buf_addc(&m->class, *rest == '/' ? '.' : *rest);
	if (kotlin)
		buf_adds(&m->class, "Kt");
	buf_adds(&m->file, e->path);
	return 0;
}

/* A class with a main method: "com.example.Main", and its file. */
static bool
find_main(struct java *j, struct buf *class, struct buf *file)
{
	static const char *const roots[] = { "src/main/java/",
		"src/main/kotlin/", NULL };

	for (size_t i = 0; class->len == 0 && roots[i] != NULL; i++) {
		auto_free char *root =
		    mem_printf("%s%s", buf_str(&j->dir), roots[i]);
		auto_free char *dir = mem_strndup(root, strlen(root) - 1);
		struct main_search m = { .j = j, .root = root };
		struct err err = { 0 };

		if (scan_has_dir(j->app, dir))
			(void)tree_walk(j->app->tree, dir, see_source, &m,
			    &err);
		if (m.class.len > 0) {
			buf_adds(class, m.class.data);
			buf_adds(file, m.file.data);
		}
		buf_release(&m.class);
		buf_release(&m.file);
	}
	return class->len > 0;
}

/*
 * Maven.
 */

static const char *
runner(const struct java *j, const char *wrapper, const char *tool)
{
	return j->wrapper ? wrapper : tool;
}

static bool
is_executable(const json_t *pom)
{
	static const char *const plugins[] = { "maven-shade-plugin",
		"maven-assembly-plugin", "spring-boot-maven-plugin",
		"micronaut-maven-plugin", "maven-jar-plugin" };

	for (size_t i = 0; i < sizeof(plugins) / sizeof(*plugins); i++)
		if (plugin(pom, plugins[i]) != NULL)
			return true;
	return false;
}

/* The dependencies beside the classes: any program with a main method.  The
 * star is java's own, which no shell is to see. */
static bool
maven_classes(struct java *j, const char *mvn)
{
	struct plan *plan = j->app->plan;
	const char *dir = buf_str(&j->dir);
	auto_buf struct buf class = { 0 }, file = { 0 }, text = { 0 };
	auto_free char *build =
	    mem_printf("%s -B -DskipTests package "
		       "dependency:copy-dependencies -DincludeScope=runtime "
		       "-DoutputDirectory=target/lib && mkdir -p "
		       "%starget/lib",
		mvn, dir);
	struct command *c;

	if (!find_main(j, &class, &file))
		return false;
	add_build(j, build);
	strvec_addf(&plan->artifacts, "%starget/classes", dir);
	strvec_addf(&plan->artifacts, "%starget/lib", dir);
	c = &plan_add_process(plan, "web")->command;
	strvec_add(&c->argv, "java");
	strvec_add(&c->argv, "-XX:MaxRAMPercentage=75");
	strvec_add(&c->argv, "-cp");
	strvec_addf(&c->argv, "%starget/classes:%starget/lib/*", dir, dir);
	strvec_add(&c->argv, class.data);
	command_text(c, &text);
	scan_why(j->app, "start", text.data, file.data, 0);
	return true;
}

static bool
plan_war(struct java *j, const char *folder)
{
	struct plan *plan = j->app->plan;
	auto_free char *copy =
	    mem_printf("cp %s%s/*.war app.war", buf_str(&j->dir), folder);

	plan_set(&plan->output, "war");
	add_build(j, copy);
	strvec_add(&plan->artifacts, "app.war");
	start_set(&plan_add_process(plan, "web")->command, "catalina.sh run");
	scan_why(j->app, "start", "catalina.sh run", j->file, 0);
	return true;
}

static bool
maven_start(struct java *j)
{
	const json_t *pom = j->module_pom;
	const char *mvn = runner(j, "sh mvnw", "mvn");
	const char *packaging = xml_text(pom, "packaging");
	bool spring = is_framework(j, "spring-boot");
	auto_free char *module =
	    mem_strndup(buf_str(&j->dir), j->dir.len > 0 ? j->dir.len - 1 : 0);
	auto_free char *build = mem_printf("%s -B -DskipTests%s%s%s package%s",
	    mvn, *module != '\0' ? " -pl " : "", module,
	    *module != '\0' ? " -am" : "",
	    spring && plugin(pom, "spring-boot-maven-plugin") == NULL &&
		    plugin(j->pom, "spring-boot-maven-plugin") == NULL
		? " spring-boot:repackage"
		: "");
	bool war = packaging != NULL && strcmp(packaging, "war") == 0;

	if (packaging != NULL && strcmp(packaging, "pom") == 0)
		return false;
	if (!spring && !war && !is_framework(j, "quarkus") &&
	    !is_executable(pom) && !is_executable(j->pom))
		return maven_classes(j, mvn);
	add_build(j, build);
	if (is_framework(j, "quarkus")) {
		auto_free char *start =
		    mem_printf("java -XX:MaxRAMPercentage=75 -jar "
			       "%starget/quarkus-app/quarkus-run.jar",
			buf_str(&j->dir));

		strvec_addf(&j->app->plan->artifacts, "%starget/quarkus-app",
		    buf_str(&j->dir));
		return start_believe(j->app, start, "pom.xml", 0);
	}
	if (war && !spring)
		return plan_war(j, "target");
	if (war) {
		auto_free char *copy =
		    mem_printf("cp %starget/*.war app.jar", buf_str(&j->dir));

		add_build(j, copy);
		strvec_add(&j->app->plan->artifacts, "app.jar");
		return start_believe(j->app,
		    "java -XX:MaxRAMPercentage=75 -jar app.jar", "pom.xml", 0);
	}
	return start_jar(j, "target",
	    plugin(pom, "maven-assembly-plugin") != NULL &&
		    plugin(pom, "maven-shade-plugin") == NULL && !spring
		? "-with-dependencies"
		: "",
	    is_framework(j, "dropwizard") && scan_has(j->app, "config.yml")
		? " server config.yml"
		: "");
}

static json_t *
read_pom(struct java *j, const char *path, struct err *err)
{
	auto_buf struct buf text = { 0 };

	if (scan_read(j->app, path, SCAN_FILE_MAX, &text, err) != 1)
		return NULL;
	return xml_parse(buf_str(&text), text.len, path, err);
}

/* Where the root says how all are packaged: the module that has a main. */
static int
module_with_main(struct java *j, const json_t *list, struct err *err)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(list, "in"), i, one) {
		const char *dir = json_str(one, "text", "");
		auto_free char *path = mem_printf("%s/pom.xml", dir);
		auto_buf struct buf class = { 0 }, file = { 0 };

		if (i == MODULES_MAX || !scan_is_plain(dir) ||
		    !scan_has(j->app, path))
			continue;
		buf_clear(&j->dir);
		buf_addf(&j->dir, "%s/", dir);
		if (!find_main(j, &class, &file))
			continue;
		scan_why(j->app, "module", dir, file.data, 0);
		j->module_pom = read_pom(j, path, err);
		return j->module_pom != NULL ? 0 : -1;
	}
	buf_clear(&j->dir);
	j->module_pom = json_incref(j->pom);
	return 0;
}

/* Of a root that only has modules: the one that makes a program. */
static int
find_module(struct java *j, struct err *err)
{
	const json_t *list = xml_at(j->pom, "modules");
	json_t *one, *best = NULL;
	size_t i;

	json_array_foreach(json_object_get(list, "in"), i, one) {
		const char *dir = json_str(one, "text", "");
		auto_free char *path = mem_printf("%s/pom.xml", dir);
		json_auto_t *pom = NULL;
		bool boot;

		if (i == MODULES_MAX || !scan_is_plain(dir) ||
		    !scan_has(j->app, path))
			continue;
		if ((pom = read_pom(j, path, err)) == NULL)
			return -1;
		boot = plugin(pom, "spring-boot-maven-plugin") != NULL ||
		       plugin(pom, "quarkus-maven-plugin") != NULL ||
		       is_executable(pom);
		if (best != NULL || !boot)
			continue;
		best = json_incref(pom);
		buf_addf(&j->dir, "%s/", dir);
		scan_why(j->app, "module", dir, "pom.xml", xml_line(one));
	}
	if (best == NULL && json_array_size(json_object_get(list, "in")) > 0)
		return module_with_main(j, list, err);
	j->module_pom = best != NULL ? best : json_incref(j->pom);
	return 0;
}

/*
 * Gradle.
 */

static bool
has_plugin(const struct java *j, const char *name)
{
	return strstr(buf_str(&j->text), name) != NULL;
}

/* The script of the root, or of the module that makes a program: the one
 * that `gradle init` makes is called app. */
static void
read_script(struct java *j)
{
	static const char *const names[] = { "build.gradle",
		"build.gradle.kts" };
	static const char *const signs[] = { "org.springframework.boot",
		"spring.boot", "springBoot", "io.quarkus", "application",
		"ktor", "shadow", "micronaut" };
	auto_buf struct buf text = { 0 }, catalog = { 0 };
	int best = 0;

	for (size_t i = 0; i < j->app->files.n; i++) {
		const char *path = j->app->files.v[i];
		const char *slash = strrchr(path, '/');
		const char *name = slash != NULL ? slash + 1 : path;
		int score = slash == NULL ? 3 : 1;

		if ((strcmp(name, names[0]) != 0 &&
			strcmp(name, names[1]) != 0) ||
		    !scan_is_plain(path) || !scan_peek(j->app, path, &text))
			continue;
		if (strncmp(path, "buildSrc/", 9) == 0)
			continue;
		for (size_t k = 0; k < sizeof(signs) / sizeof(*signs); k++)
			if (strstr(text.data, signs[k]) != NULL &&
			    strstr(text.data, "apply false") == NULL)
				score += score < 10 ? 10 : 0;
		if (score <= best)
			continue;
		best = score;
		buf_clear(&j->dir);
		buf_add(&j->dir, path,
		    slash != NULL ? (size_t)(slash - path) + 1 : 0);
		buf_clear(&j->script);
		buf_adds(&j->script, path);
		buf_clear(&j->text);
		buf_add(&j->text, text.data, text.len);
	}
	/* alias(libs.plugins.x): what it is called is in the catalogue. */
	if (has_plugin(j, "libs.plugins") &&
	    scan_peek(j->app, "gradle/libs.versions.toml", &catalog))
		buf_addf(&j->text, "\n%s", catalog.data);
}

/* The string after key, "rootProject.name = 'shop'". */
static bool
script_string(const char *text, const char *key, struct buf *out)
{
	const char *at = strstr(text, key);
	size_t n;

	if (at == NULL)
		return false;
	at += strlen(key);
	n = strcspn(at, "\"'\n");
	if (at[n] != '"' && at[n] != '\'')
		return false;
	buf_clear(out);
	buf_add(out, at + n + 1, strcspn(at + n + 1, "\"'\n"));
	return scan_is_plain(buf_str(out));
}

/* What `application` calls its folder and its script. */
static void
application_name(struct java *j, struct buf *name)
{
	static const char *const files[] = { "settings.gradle",
		"settings.gradle.kts" };
	auto_buf struct buf text = { 0 };

	if (script_string(buf_str(&j->text), "applicationName", name))
		return;
	buf_clear(name);
	if (j->dir.len > 0) {
		const char *s = j->dir.data;
		auto_free char *dir = mem_strndup(s, j->dir.len - 1);
		const char *slash = strrchr(dir, '/');

		buf_adds(name, slash != NULL ? slash + 1 : dir);
		return;
	}
	for (size_t i = 0; i < 2; i++)
		if (scan_peek(j->app, files[i], &text) &&
		    script_string(text.data, "rootProject.name", name))
			return;
	buf_clear(name);
	buf_adds(name, "app"); /* of the folder that it is built in */
}

static void
gradle_task(struct java *j, const char *task)
{
	auto_buf struct buf text = { 0 };

	buf_addf(&text, "%s --no-daemon ", runner(j, "sh gradlew", "gradle"));
	for (const char *s = buf_str(&j->dir); *s != '\0';) {
		size_t n = strcspn(s, "/");

		buf_addf(&text, ":%.*s", (int)n, s);
		s += n + (s[n] == '/');
	}
	buf_addf(&text, "%s%s", j->dir.len > 0 ? ":" : "", task);
	add_build(j, text.data);
}

static bool
gradle_start(struct java *j)
{
	struct plan *plan = j->app->plan;
	auto_buf struct buf name = { 0 }, text = { 0 };

	if (is_framework(j, "spring-boot")) {
		gradle_task(j, "bootJar");
		return start_jar(j, "build/libs", "", "");
	}
	if (is_framework(j, "quarkus")) {
		gradle_task(j, "quarkusBuild");
		strvec_addf(&plan->artifacts, "%sbuild/quarkus-app",
		    buf_str(&j->dir));
		buf_addf(&text,
		    "java -XX:MaxRAMPercentage=75 -jar "
		    "%sbuild/quarkus-app/quarkus-run.jar",
		    buf_str(&j->dir));
		return start_believe(j->app, text.data, j->script.data, 0);
	}
	if (is_framework(j, "ktor")) {
		gradle_task(j, "buildFatJar");
		return start_jar(j, "build/libs", "-all", "");
	}
	if (has_plugin(j, "shadow")) {
		gradle_task(j, "shadowJar");
		return start_jar(j, "build/libs", "-all", "");
	}
	if (has_plugin(j, "application")) {
		gradle_task(j, "installDist");
		application_name(j, &name);
		strvec_addf(&plan->artifacts, "%sbuild/install/%s",
		    buf_str(&j->dir), buf_str(&name));
		buf_addf(&text, "%sbuild/install/%s/bin/%s", buf_str(&j->dir),
		    buf_str(&name), buf_str(&name));
		return start_believe(j->app, text.data, j->script.data, 0);
	}
	if (has_plugin(j, "'war'") || has_plugin(j, "\"war\"") ||
	    has_plugin(j, "\twar\n") || has_plugin(j, "    war\n")) {
		gradle_task(j, "war");
		return plan_war(j, "build/libs");
	}
	return false;
}

static void
choose_tool(struct java *j)
{
	struct plan *plan = j->app->plan;
	bool maven = j->pom != NULL;
	const char *name = maven ? "maven" : "gradle";

	j->wrapper = maven ? scan_has(j->app, "mvnw") &&
				 scan_has(j->app, ".mvn/wrapper/"
						  "maven-wrapper.properties")
			   : scan_has(j->app, "gradlew") &&
				 scan_has(j->app, "gradle/wrapper/"
						  "gradle-wrapper.properties");
	plan_set(&plan->package_manager, name);
	scan_why(j->app, "package_manager", name,
	    j->wrapper ? maven ? "mvnw" : "gradlew" : j->file, 0);
	if (j->wrapper)
		return;
	plan_set(&plan->package_manager_version, maven ? "3.9" : "8");
	plan_warn(plan,
	    "no wrapper: %s %s is used; '%s' keeps the version with the app",
	    name, plan->package_manager_version,
	    maven ? "mvn wrapper:wrapper" : "gradle wrapper");
}

static int
java_fill(struct java *j)
{
	struct scan *app = j->app;
	bool found;

	choose_version(j);
	choose_tool(j);
	find_framework(j);
	found = j->pom != NULL ? maven_start(j) : gradle_start(j);
	scan_override(app);
	if (start_given(app) || found)
		return 1;
	scan_miss(app,
	    "%s makes no program: no executable jar, no main "
	    "method, no war",
	    j->file);
	return 0;
}

static int
java_plan(struct scan *app, struct err *err)
{
	static const char *const files[] = { "pom.xml", "build.gradle",
		"build.gradle.kts", "settings.gradle", "settings.gradle.kts",
		NULL };
	struct java j = { .app = app, .file = scan_first(app, files) };
	int got = 0;

	if (j.file == NULL)
		return 0;
	plan_set(&app->plan->runtime, "java");
	plan_set(&app->plan->output, "server");
	scan_why(app, "runtime", "java", j.file, 0);
	if (strcmp(j.file, "pom.xml") == 0) {
		j.pom = read_pom(&j, "pom.xml", err);
		got = j.pom != NULL ? find_module(&j, err) : -1;
	} else {
		read_script(&j);
	}
	if (got == 0)
		got = java_fill(&j);
	json_decref(j.pom);
	json_decref(j.module_pom);
	buf_release(&j.text);
	buf_release(&j.script);
	buf_release(&j.dir);
	return got;
}

const struct runtime runtime_java = { "java", "pom.xml, build.gradle",
	java_plan };
