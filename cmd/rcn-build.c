/*
 * rcn-build - reads documents with `source` and `dockerfile`, has the engine
 * build the image out of a stream of the tree, writes the documents with
 * `image`.  An image that is there already is not built again.
 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "base/keyed.h"
#include "base/log.h"
#include "base/mask.h"
#include "document/cli.h"
#include "document/document.h"
#include "engine/build.h"
#include "engine/image.h"
#include "engine/recipe.h"
#include "parse/envfile.h"
#include "registry/creds.h"
#include "source/origin.h"

static const struct cli cli = { "rcn-build",
	"usage: rcn-build [-hqvV] [-d FILE] [--env-file FILE]\n"
	"       [--no-session] [--rebuild]\n" };

enum { TIMEOUT_S = 3600, DOCKERFILE_MAX = 1 << 20, VARIABLE_MAX = 64 << 10 };

struct command {
	const char *env_file;
	bool rebuild, no_session;
	/* Of the build, read once, or NULL: {NAME: "value"} of public and of
	 * secret variables, and {NAME: version} of these. */
	json_t *args, *secrets, *versions;
	struct engine *engine; /* opened at its first use */
};

/* What one document's build needs. */
struct work {
	struct command *cmd;
	const json_t *doc;
	struct source source;
	char *ref; /* of the image */
	char *path; /* of the Dockerfile in the tree; NULL: text is sent */
	struct buf text; /* of the Dockerfile, for lines */
	struct buf sent; /* the copy of a generated one */
	json_t *bases; /* [{ref, id}] */
	json_t *pins; /* {ref: digest} or NULL */
	char key[SHA256_HEX];
};

static int
open_engine(struct command *c, struct err *err)
{
	return c->engine != NULL ? 0 : engine_open(&c->engine, NULL, err);
}

/* ---- variables of the build ---- */

static int
refuse_secret(const char *name, struct err *err)
{
	err_set(err, EX_CONFIG, "build-secret",
	    "variable %s: a secret would stay in the engine's build cache and "
	    "in the image",
	    name);
	return err_hint(err,
	    "build with a session (not --no-session, not Podman), give it to "
	    "the app at run time, or say that it is none: {\"%s\": "
	    "{\"value\": ..., \"secret\": false}}",
	    name);
}

static int
args_of_file(struct command *c, const char *path, struct err *err)
{
	json_auto_t *all = envfile_load(path, "build", err);
	const char *name;
	json_t *v;

	if (all == NULL)
		return -1;
	json_object_foreach(all, name, v) {
		json_object_set(json_bool(v, "secret", true) ? c->secrets
							     : c->args,
		    name, json_object_get(v, "value"));
	}
	return 0;
}

/* A file of build/ is a secret, unless env.json says of its name that it is
 * none. */
static int
args_of_folder(struct command *c, const char *dir, const json_t *known,
    struct err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int bad = 0;

	if (d == NULL && errno == ENOENT)
		return 0;
	if (d == NULL)
		return err_sys(err, EX_NOINPUT, "file-missing", "%s", dir);
	while (bad == 0 && (e = readdir(d)) != NULL) {
		auto_free char *path = mem_printf("%s/%s", dir, e->d_name);
		auto_buf struct buf value = { 0 };

		if (e->d_name[0] == '.')
			continue;
		bad = io_read_file(path, VARIABLE_MAX, &value, err);
		if (bad == 0)
			json_object_set_new(json_bool(json_object_get(known,
							  e->d_name),
						"secret", true)
						? c->secrets
						: c->args,
			    e->d_name, json_textn(buf_str(&value), value.len));
	}
	(void)closedir(d);
	return bad;
}

static int
args_of_secrets(struct command *c, struct err *err)
{
	auto_free char *dir = doc_secret_path("build");
	auto_free char *env = doc_secret_path("env.json");
	json_auto_t *known = NULL;

	if (dir == NULL)
		return 0;
	if (access(env, F_OK) == 0 &&
	    (known = envfile_load(env, "build", err)) == NULL)
		return -1;
	return args_of_folder(c, dir, known, err);
}

/* What is told of a secret: its name, and a version that says nothing. */
static int
versions_of(struct command *c, struct err *err)
{
	char version[KEYED_NAME];
	const char *name;
	json_t *v;

	json_object_foreach(c->secrets, name, v) {
		auto_free char *both =
		    mem_printf("%s=%s", name, json_string_value(v));
		int rc = keyed_name(both, strlen(both), version, err);

		explicit_bzero(both, strlen(both));
		if (rc < 0)
			return -1;
		mask_add(json_string_value(v));
		json_object_set_new(c->versions, name, json_string(version));
	}
	return 0;
}

/* A refusal stands for every document: nothing is kept of what was read. */
static int
read_args(struct command *c, struct err *err)
{
	int rc;

	if (c->args != NULL)
		return 0;
	c->args = json_object();
	c->secrets = json_object();
	c->versions = json_object();
	rc = c->env_file != NULL ? args_of_file(c, c->env_file, err)
				 : args_of_secrets(c, err);
	if (rc == 0)
		rc = versions_of(c, err);
	if (rc < 0) {
		json_decref(c->args);
		json_decref(c->secrets);
		json_decref(c->versions);
		c->args = c->secrets = c->versions = NULL;
	}
	return rc;
}

/* ---- the key, and the name of the image ---- */

/* A stage before rcn-deploy does nothing in a rerun of an image: what is
 * there holds. */
static void
rerun_key(const json_t *doc, char hex[65])
{
	const char *key = json_str(doc, "image.key", "");

	if (strlen(key) == 64)
		(void)snprintf(hex, 65, "%s", key);
	else
		json_hash(json_object_get(doc, "project"), hex);
}

static int
image_key(json_t *doc, void *ctx, char hex[65], struct err *err)
{
	struct command *c = ctx;
	json_auto_t *all = NULL, *file = NULL;
	const json_t *source, *dockerfile;

	if (doc_without_build(doc)) {
		rerun_key(doc, hex);
		return 0;
	}
	source = doc_need(doc, "source", err);
	dockerfile = source == NULL ? NULL : doc_need(doc, "dockerfile", err);
	if (dockerfile == NULL || read_args(c, err) < 0)
		return -1;
	file = json_copy((json_t *)(uintptr_t)dockerfile);
	(void)json_object_del(file, "key");
	(void)json_object_del(file, "warnings");
	all = json_pack("{s:i, s:s, s:s, s:O, s:O, s:O, s:s}", "version", 1,
	    "slug", doc_slug(doc), "tree", json_str(source, "tree", ""),
	    "dockerfile", file, "args", c->args, "secrets", c->versions,
	    "rebuild", c->rebuild ? doc_deployment(doc) : "");
	json_hash(all, hex);
	return 0;
}

/* The last 12 digits of a UUIDv7 are random, the first are the time. */
static const char *
tail_of(const char *id)
{
	size_t n = strlen(id);

	return n > 12 ? id + n - 12 : id;
}

static char *
ref_of(const struct work *w)
{
	const char *commit = json_str(w->doc, "source.commit", NULL);
	const char *tree = json_str(w->doc, "source.tree", "");
	const char *colon = strchr(tree, ':');
	const char *rev = commit != NULL  ? commit
			  : colon != NULL ? colon + 1
					  : tree;

	return mem_printf("localhost/rcn/%s:%.12s-%.12s%s%s", doc_slug(w->doc),
	    rev, w->key, w->cmd->rebuild ? "-" : "",
	    w->cmd->rebuild ? tail_of(doc_deployment(w->doc)) : "");
}

static int
is_current(json_t *doc, void *ctx, struct err *err)
{
	struct command *c = ctx;
	const char *ref = json_str(doc, "image.ref", NULL);

	if (doc_without_build(doc))
		return 1;
	if (ref == NULL)
		return 0;
	if (open_engine(c, err) < 0)
		return -1;
	return engine_image_look(c->engine, ref, NULL, err);
}

/* ---- the source ---- */

/* The document's own patterns come last: nothing brings those back. */
static int
add_rules(struct work *w, struct err *err)
{
	const char *path = json_str(w->doc, "dockerfile.path", NULL);
	json_t *list = json_at(w->doc, "dockerfile.ignore"), *v;
	auto_buf struct buf text = { 0 };
	size_t i;

	if (path != NULL && source_rules(&w->source, path, err) < 0)
		return -1;
	json_array_foreach(list, i, v)
		if (json_is_string(v))
			buf_addf(&text, "%s\n", json_string_value(v));
	return ignore_text(&w->source.rules, buf_str(&text), text.len,
	    "dockerfile.ignore", err);
}

/* The text of the repository's own, which ignore rules may leave out. */
static int
read_own(struct work *w, const char *path, struct err *err)
{
	int got;

	tree_filter(w->source.tree, NULL);
	got = tree_read(w->source.tree, path, DOCKERFILE_MAX, &w->text, err);
	tree_filter(w->source.tree, &w->source.rules);
	if (got == 0)
		return err_set(err, EX_NOINPUT, "source-missing",
		    "%s: no such file in the source", path);
	return got < 0 ? -1 : 0;
}

/* The repository's own Dockerfile is named where it is in what is sent, else
 * it goes beside the tree as a generated one does. */
static int
read_dockerfile(struct work *w, struct err *err)
{
	const char *text = json_str(w->doc, "dockerfile.text", NULL);
	const char *path = json_str(w->doc, "dockerfile.path", NULL);
	const char *context = json_str(w->doc, "dockerfile.context", ".");
	struct tree_entry e;
	int got;

	if (text != NULL)
		buf_adds(&w->text, text);
	else if (path == NULL)
		return err_set(err, EX_DATAERR, "bad-document",
		    "document: dockerfile has neither text nor path");
	else if (read_own(w, path, err) < 0)
		return -1;
	if (*context != '\0' && strcmp(context, ".") != 0)
		return tree_root(w->source.tree, context, err);
	if (text != NULL)
		return 0;
	got = tree_stat(w->source.tree, path, &e, err);
	if (got == 1)
		w->path = mem_strdup(path);
	return got < 0 ? -1 : 0;
}

/* Files get the commit's time, else now: an app's server makes its ETags of
 * time and size, so that one time for ever would serve old pages. */
static int64_t
mtime_of(const json_t *doc)
{
	const char *at = json_str(doc, "source.committed_at", "");
	struct tm tm = { 0 };

	if (strptime(at, "%Y-%m-%dT%H:%M:%S", &tm) != NULL)
		return timegm(&tm);
	return clock_wall_ms() / 1000;
}

struct walk {
	build_entry_fn *fn;
	void *ctx;
	int64_t mtime; /* seconds */
};

/* A folder's files have their own times; those of a commit have its second,
 * and nanoseconds by their contents: equal sizes are then told apart. */
static int64_t
time_of(const struct tree_entry *e, int64_t mtime)
{
	const int64_t second = 1000000000, most = INT64_MAX / second - 1;
	uint32_t mark = 0;

	if (e->mtime_ns != 0)
		return e->mtime_ns;
	if (e->stamp != NULL)
		memcpy(&mark, e->stamp, sizeof(mark));
	if (mtime < 0 || mtime > most)
		mtime = mtime < 0 ? 0 : most;
	return mtime * second + mark % second;
}

static int
on_entry(const struct tree_entry *e, void *ctx, struct err *err)
{
	static const enum build_type types[] = {
		[TREE_FILE] = BUILD_FILE,
		[TREE_EXEC] = BUILD_EXEC,
		[TREE_DIR] = BUILD_DIR,
		[TREE_LINK] = BUILD_LINK,
		[TREE_MODULE] = BUILD_DIR,
	};
	struct build_entry out = { .path = e->path,
		.target = e->target,
		.type = types[e->type],
		.size = e->size,
		.stamp = e->stamp };
	struct walk *walk = ctx;

	out.time_ns = time_of(e, walk->mtime);
	return walk->fn(&out, walk->ctx, err);
}

static int
context_walk(void *ctx, build_entry_fn *fn, void *fn_ctx, struct err *err)
{
	const struct work *w = ctx;
	struct walk walk = { fn, fn_ctx, mtime_of(w->doc) };

	return tree_walk(w->source.tree, "", on_entry, &walk, err);
}

static int
context_read(void *ctx, const char *path, tarstream_fn *sink, void *sink_ctx,
    struct err *err)
{
	const struct work *w = ctx;

	return tree_pipe(w->source.tree, path, sink, sink_ctx, err);
}

/* It must be what the stages before have seen; and what tree.h refuses is
 * refused before a byte is sent. */
/*
 * Where the document came through the hands of a user who may not read what we
 * may, it names no other files than that user's.
 */
static int
check_owner(const json_t *source, struct err *err)
{
	const char *name = conf_get("SOURCE_OWNER", NULL);
	const char *path = json_str(source, "path", "");
	const struct passwd *pw;
	struct stat st;

	if (name == NULL || *name == '\0')
		return 0;
	pw = getpwnam(name);
	if (pw == NULL)
		return err_set(err, EX_CONFIG, "bad-setting",
		    "RCN_SOURCE_OWNER: %s: no such user", name);
	if (lstat(path, &st) < 0)
		return err_sys(err, EX_NOINPUT, "source-missing", "%s", path);
	if (st.st_uid != pw->pw_uid || S_ISLNK(st.st_mode))
		return err_set(err, EX_DATAERR, "bad-document",
		    "document: source.path: %s: not of %s", path, name);
	return 0;
}

static int
open_source(struct work *w, struct err *err)
{
	const json_t *section = json_object_get(w->doc, "source");

	if (check_owner(section, err) < 0 ||
	    source_open(&w->source, section, err) < 0 ||
	    source_verify(&w->source, section, err) < 0 ||
	    add_rules(w, err) < 0 || read_dockerfile(w, err) < 0)
		return -1;
	return tree_check(w->source.tree, err);
}

/* ---- base images ---- */

static int
fetch_base(struct work *w, const char *ref, bool there, struct err *err)
{
	auto_buf struct buf host = { 0 };
	AUTO(buf_wipe) struct buf auth = { 0 };
	struct err why = { 0 };

	engine_image_host(ref, &host);
	if (creds_header(host.data, &auth, err) < 0)
		return -1;
	if (engine_image_pull(w->cmd->engine, ref, auth.data, &why) == 0)
		return 0;
	if (there && strcmp(why.code, "cancelled") != 0) {
		log_warn("%s; building on the one that is here", why.msg);
		return 0;
	}
	*err = why;
	return -1;
}

static int
have_base(struct work *w, const char *ref, struct err *err)
{
	struct engine *e = w->cmd->engine;
	json_t *seen = NULL;
	int got = engine_image_look(e, ref, &seen, err);

	if (got < 0)
		return -1;
	if (got == 0 || w->cmd->rebuild) {
		json_decref(seen);
		seen = NULL;
		if (fetch_base(w, ref, got == 1, err) < 0 ||
		    engine_image_look(e, ref, &seen, err) < 0)
			return -1;
	}
	json_array_append_new(w->bases, json_pack("{s:s, s:s}", "ref", ref,
					    "id", json_str(seen, "Id", "")));
	if (seen != NULL)
		json_object_set_new(w->pins, ref,
		    json_string(json_str(seen, "Id", "")));
	json_decref(seen);
	return 0;
}

/* With a session too: what a build fetches itself the engine does not keep as
 * an image, so that each one after it would ask the registry again. */
static int
have_bases(struct work *w, struct err *err)
{
	json_t *list = json_at(w->doc, "dockerfile.bases"), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *ref = json_string_value(v);

		if (ref != NULL && strcmp(ref, "scratch") != 0 &&
		    strchr(ref, '$') == NULL && have_base(w, ref, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the section ---- */

static void
set_ports(json_t *image, const json_t *seen)
{
	json_t *ports = json_array(), *v;
	const char *name;

	json_object_foreach(json_at(seen, "Config.ExposedPorts"), name, v)
		json_array_append_new(ports,
		    json_integer(strtol(name, NULL, 10)));
	json_object_set_new(image, "ports", ports);
}

/* What the engine has: seen is its own object. */
static json_t *
describe(struct work *w, const json_t *seen, bool cached, struct err *err)
{
	struct engine *e = w->cmd->engine;
	const char *id = json_str(seen, "Id", "");
	int containerd = engine_containerd_store(e, err);
	json_t *layers, *image;

	if (containerd < 0 ||
	    (layers = engine_image_layers(e, w->ref, err)) == NULL)
		return NULL;
	image = json_pack("{s:s, s:s, s:s, s:o, s:I, s:b}", "ref", w->ref, "id",
	    id, "digest", containerd ? id : "", "layers", layers, "bytes",
	    (json_int_t)json_int(seen, "Size", 0), "cached", cached);
	json_object_set_new(image, "user",
	    json_text(json_str(seen, "Config.User", "")));
	set_ports(image, seen);
	return image;
}

static json_t *
labels_of(const struct work *w, struct err *err)
{
	const char *installation = conf_installation(err);
	json_t *labels;

	if (installation == NULL)
		return NULL;
	labels = json_pack("{s:s, s:s, s:s, s:s, s:s}", "rcn.installation",
	    installation, "rcn.project", doc_slug(w->doc), "rcn.tree",
	    json_str(w->doc, "source.tree", ""), "rcn.key", w->key,
	    "rcn.deployment", doc_deployment(w->doc));
	if (json_str(w->doc, "source.commit", NULL) != NULL)
		json_object_set_new(labels, "rcn.commit",
		    json_text(json_str(w->doc, "source.commit", "")));
	return labels;
}

/* Generated: pinned where the store asks the registry each time, and with the
 * build's variables declared.  The repository's own: as it is. */
static int
write_recipe(struct work *w, json_t *warnings, struct err *err)
{
	bool own = json_str(w->doc, "dockerfile.text", NULL) == NULL;
	int containerd = engine_containerd_store(w->cmd->engine, err);

	if (containerd < 0)
		return -1;
	if (own && containerd == 1 && json_array_size(w->bases) > 0)
		doc_warn(warnings,
		    "the engine asks the registry for %s on "
		    "each build: pin it by digest",
		    json_str(json_array_get(w->bases, 0), "ref", ""));
	if (own)
		recipe_own(&w->sent, buf_str(&w->text), w->cmd->versions);
	else
		recipe_write(&w->sent, buf_str(&w->text),
		    containerd == 1 ? w->pins : NULL, w->cmd->args,
		    w->cmd->versions);
	return 0;
}

static json_t *
finish(struct work *w, struct built *r, json_t *notes, struct err *err)
{
	json_auto_t *seen = NULL;
	json_t *image;
	int got = engine_image_look(w->cmd->engine, w->ref, &seen, err);

	if (got == 0)
		err_set(err, EX_UNAVAILABLE, "engine-failed",
		    "engine: %s is not there after its build", w->ref);
	if (got <= 0 || (image = describe(w, seen, false, err)) == NULL)
		return NULL;
	json_object_set(image, "steps", r->steps);
	json_object_set(image, "bases", w->bases);
	json_object_set_new(image, "context_bytes",
	    json_integer((json_int_t)r->context_bytes));
	for (size_t i = 0; i < r->warnings.n; i++)
		json_array_append_new(notes, json_text(r->warnings.v[i]));
	if (json_array_size(notes) > 0)
		json_object_set(image, "warnings", notes);
	return image;
}

static int
credentials(void *ctx, const char *host, struct buf *user, struct buf *secret,
    struct err *err)
{
	/* BuildKit asks for Docker Hub by another of its names. */
	const char *name =
	    strcmp(host, "registry-1.docker.io") == 0 ? "docker.io" : host;
	auto_creds struct creds c = { 0 };
	int got = creds_find(name, &c, err);

	(void)ctx;
	if (got <= 0)
		return got;
	/* An identity token goes as the password of nobody. */
	buf_adds(user, c.user != NULL ? c.user : "");
	buf_adds(secret, c.password != NULL ? c.password : c.identity);
	return 1;
}

static int
secret(void *ctx, const char *name, struct buf *value, struct err *err)
{
	const struct work *w = ctx;
	const char *text =
	    json_string_value(json_object_get(w->cmd->secrets, name));

	(void)err;
	if (text == NULL)
		text = json_string_value(json_object_get(w->cmd->args, name));
	if (text == NULL)
		return 0;
	buf_adds(value, text);
	return 1;
}

/* A file for each context that is built again and again by one engine; a tar
 * is new each time. */
static int
manifest_of(const struct work *w, char **path, struct err *err)
{
	const char *kind = json_str(w->doc, "source.kind", "");
	auto_buf struct buf dir = { 0 }, what = { 0 };
	char hex[SHA256_HEX];

	if (strcmp(kind, "tar") == 0)
		return 0;
	if (conf_state_path(&dir, "contexts", err) < 0)
		return -1;
	buf_addf(&what, "%s\n%s\n%s\n%s\n%s", engine_address(w->cmd->engine),
	    kind, json_str(w->doc, "source.path", ""),
	    json_str(w->doc, "source.root", ""),
	    json_str(w->doc, "dockerfile.context", ""));
	sha256_hex(what.data, what.len, hex);
	*path = mem_printf("%s/%s.%s.%.16s", dir.data, doc_slug(w->doc),
	    doc_environment(w->doc), hex);
	return 0;
}

static const char *
first_of(const json_t *object)
{
	return json_object_iter_key(json_object_iter((json_t *)(uintptr_t)
		object));
}

static json_t *
build(struct work *w, struct err *err)
{
	struct engine_context context = { .walk = context_walk,
		.read = context_read,
		.mtime = mtime_of(w->doc) };
	json_auto_t *labels = labels_of(w, err);
	json_auto_t *scratch = json_pack("{s:[]}", "warnings");
	struct build b = { .context = &context,
		.ref = w->ref,
		.target = json_str(w->doc, "dockerfile.target", NULL),
		.args = w->cmd->args,
		.labels = labels,
		.rebuild = w->cmd->rebuild,
		.timeout_ms =
		    1000 * json_int(w->doc, "project.limits.build_timeout",
			       TIMEOUT_S) };
	struct build_session session = { .credentials = credentials,
		.secret = secret,
		.required = json_object_size(w->cmd->secrets) > 0,
		.ctx = w };
	auto_free char *manifest = NULL;
	struct built r = { 0 };
	json_t *image = NULL;
	int64_t began = clock_ms();

	if (labels == NULL || open_source(w, err) < 0 ||
	    have_bases(w, err) < 0 || write_recipe(w, scratch, err) < 0)
		return NULL;
	context.ctx = w;
	b.path = w->path;
	b.text = buf_str(&w->sent);
	if (!w->cmd->no_session) {
		if (manifest_of(w, &manifest, err) < 0)
			return NULL;
		session.manifest = manifest;
		b.session = &session;
	} else if (session.required) {
		refuse_secret(first_of(w->cmd->secrets), err);
		return NULL;
	}
	if (build_run(w->cmd->engine, &b, &r, err) == 0)
		image =
		    finish(w, &r, json_object_get(scratch, "warnings"), err);
	built_release(&r);
	if (image != NULL)
		log_note("built %s in %lld.%lld s", w->ref,
		    (long long)(clock_ms() - began) / 1000,
		    (long long)(clock_ms() - began) / 100 % 10);
	return image;
}

static json_t *
make(struct work *w, struct err *err)
{
	json_auto_t *seen = NULL;
	json_t *image;
	int got;

	if (image_key((json_t *)(uintptr_t)w->doc, w->cmd, w->key, err) < 0 ||
	    open_engine(w->cmd, err) < 0)
		return NULL;
	w->ref = ref_of(w);
	got = engine_image_look(w->cmd->engine, w->ref, &seen, err);
	if (got < 0)
		return NULL;
	if (got == 0)
		return build(w, err);
	image = describe(w, seen, true, err);
	if (image != NULL) {
		json_object_set_new(image, "steps", json_array());
		log_note("cached %s", w->ref);
	}
	return image;
}

static json_t *
run(json_t *doc, void *ctx, struct err *err)
{
	if (doc_without_build(doc))
		return json_pack("[{}]");

	struct work w = { .cmd = ctx,
		.doc = doc,
		.bases = json_array(),
		.pins = json_object() };
	json_t *image = make(&w, err);

	source_close(&w.source);
	free(w.ref);
	free(w.path);
	buf_release(&w.text);
	buf_release(&w.sent);
	json_decref(w.bases);
	json_decref(w.pins);
	return image;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		CLI_LONG,
		{ "env-file", required_argument, NULL, 'e' },
		{ "no-session", no_argument, NULL, 'n' },
		{ "rebuild", no_argument, NULL, 'r' },
		{ 0 },
	};
	static const struct stage stage = { .name = "rcn-build",
		.section = "image",
		.key = image_key,
		.current = is_current,
		.run = run };
	struct command c = { 0 };
	int opt, status;

	cli_begin(&cli);
	while ((opt = getopt_long(argc, argv, CLI_SHORT, options, NULL)) != -1)
		switch (opt) {
		case 'e':
			c.env_file = optarg;
			break;
		case 'n':
			c.no_session = true;
			break;
		case 'r':
			c.rebuild = true;
			break;
		default:
			if ((status = cli_common(&cli, opt)) != CLI_GO)
				return status;
		}
	if (optind < argc)
		return cli_usage(&cli, "%s: no operand is expected",
		    argv[optind]);
	status = doc_filter(&stage, &c);
	engine_close(c.engine);
	json_decref(c.args);
	json_decref(c.secrets);
	json_decref(c.versions);
	return cli_end(status);
}
