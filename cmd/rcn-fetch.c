/*
 * rcn-fetch - brings the commit to deploy to this machine.
 * Reads documents with project.repository and deployment.branch or .commit,
 * or takes --url; keeps a mirror of the repository; writes `source`.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "document/cli.h"
#include "document/document.h"
#include "source/mirror.h"
#include "source/origin.h"
#include "source/watch.h"

static const struct cli cli = { "rcn-fetch",
	"usage: rcn-fetch [-hqvV] [-d file] [--key file] [--known-hosts file]\n"
	"           [--token-file file]\n"
	"       rcn-fetch [-hqvV] --url url [--branch name] [--commit id]\n"
	"           [--environment name] [--key file] [--known-hosts file]\n"
	"           [--project file] [--slug slug] [--token-file file]\n" };

struct options {
	const char *url, *branch, *commit;
	struct doc_origin who;
	const char *key, *known_hosts, *token;
};

/* A flag, or the file in $RCN_SECRETS if there is one; new string or NULL. */
static char *
secret(const char *flag, const char *name)
{
	char *path = flag != NULL ? mem_strdup(flag) : doc_secret_path(name);

	if (path != NULL && flag == NULL && access(path, F_OK) < 0) {
		free(path);
		return NULL;
	}
	return path;
}

/* A credential that a person gave must be there, and an absolute path: real. */
static int
check_file(const char **file, char **real, const char *option, struct err *err)
{
	if (*file == NULL)
		return 0;
	*real = realpath(*file, NULL);
	if (*real == NULL)
		return err_sys(err, EX_NOINPUT, "file-missing", "%s: %s",
		    option, *file);
	*file = *real;
	return 0;
}

static const char *
given(const json_t *doc, const char *path)
{
	const char *s = json_str(doc, path, "");

	return *s != '\0' ? s : NULL;
}

/* The tree of a commit in a mirror, at its root folder. */
static int
open_commit(struct source *s, const char *mirror, const char *id,
    const char *root, struct err *err)
{
	*s = (struct source){ .fd = -1 };
	if (tree_open_git(&s->tree, mirror, id, err) < 0)
		return -1;
	return root != NULL ? tree_root(s->tree, root, err) : 0;
}

static json_t *
section(const struct mirror *m, const char *url, const char *root,
    struct err *err)
{
	auto_source struct source s = { .fd = -1 };
	json_t *source;

	if (open_commit(&s, m->path, m->id, root, err) < 0)
		return NULL;
	source = source_section(&s, "git", m->path, root, err);
	if (source == NULL)
		return NULL;
	json_object_set_new(source, "url", json_text(url));
	if (m->branch != NULL)
		json_object_set_new(source, "branch", json_text(m->branch));
	return source;
}

/* A push that changes nothing that the project watches deploys nothing. */
static int
check_watch(json_t *doc, const struct mirror *m, struct err *err)
{
	json_t *watch = json_at(doc, "project.watch"), *path;
	const char *base = given(doc, "deployment.base");
	auto_strvec struct strvec paths = { 0 };
	int changed;
	size_t i;

	json_array_foreach(watch, i, path) {
		strvec_add(&paths, json_string_value(path));
	}
	if (base == NULL || paths.n == 0)
		return 0;
	changed = watch_changed(m->path, base, m->id, &paths, err);
	if (changed != 0)
		return changed < 0 ? -1 : 0;
	return err_set(err, EX_NO, "unwatched",
	    "%.12s: nothing that the project watches has changed since %.12s",
	    m->id, base);
}

static json_t *
run(json_t *doc, void *ctx, struct err *err)
{
	const struct options *o = ctx;
	auto_free char *key = secret(o->key, "git/key");
	auto_free char *hosts = secret(o->known_hosts, "git/known_hosts");
	auto_free char *token = secret(o->token, "git/token");
	auto_free char *url = NULL;
	struct mirror_want want = { .branch = given(doc, "deployment.branch"),
		.commit = given(doc, "deployment.commit"),
		.root = given(doc, "project.root"),
		.key = key,
		.known_hosts = hosts,
		.token = token };
	struct mirror m = { 0 };
	json_t *source = NULL;

	if (given(doc, "project.repository") == NULL) {
		/* A folder, tar or repository at hand: nothing to fetch. */
		source = json_object_get(doc, "source");
		if (source != NULL)
			return json_deep_copy(source);
		err_set(err, EX_DATAERR, "section-missing",
		    "document: no project.repository");
		err_hint(err, "set it in the project, or use --url");
		return NULL;
	}
	url = mirror_url(given(doc, "project.repository"), err);
	if (url == NULL)
		return NULL;
	want.url = url;
	if (token != NULL && text_starts(url, "http://"))
		log_warn("%s: the token travels unencrypted", url);
	if (mirror_fetch(&want, &m, err) == 0 && check_watch(doc, &m, err) == 0)
		source = section(&m, url, want.root, err);
	mirror_release(&m);
	return source;
}

static int
key(json_t *doc, void *ctx, char hex[65], struct err *err)
{
	static const char *const parts[] = { "project.repository",
		"project.root", "deployment.branch", "deployment.commit" };
	struct sha256 sha;

	(void)ctx;
	(void)err;
	sha256_begin(&sha);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		sha256_text(&sha, json_str(doc, parts[i], ""));
	sha256_end_hex(&sha, hex);
	return 0;
}

/* The mirror still has the tree. */
static int
current(json_t *doc, void *ctx, struct err *err)
{
	const json_t *source = json_object_get(doc, "source");
	auto_source struct source s = { .fd = -1 };
	struct err none = { 0 };

	(void)ctx;
	(void)err;
	return open_commit(&s, json_str(source, "path", ""),
		   json_str(source, "commit", ""), given(doc, "project.root"),
		   &none) == 0 &&
	       source_verify(&s, source, &none) == 0;
}

static json_t *
seed_of(const struct options *o, struct err *err)
{
	json_t *seed = doc_seed(&o->who, err);
	json_t *deployment = json_object_get(seed, "deployment");

	if (seed == NULL)
		return NULL;
	json_object_set_new(json_object_get(seed, "project"), "repository",
	    json_text(o->url));
	if (o->branch != NULL)
		json_object_set_new(deployment, "branch", json_text(o->branch));
	if (o->commit != NULL)
		json_object_set_new(deployment, "commit", json_text(o->commit));
	return seed;
}

static const struct stage stage = { .name = "rcn-fetch",
	.section = "source",
	.key = key,
	.current = current,
	.run = run };

static int
start(struct options *o)
{
	auto_free char *url = NULL, *pem = NULL, *hosts = NULL, *token = NULL;
	struct err err = { 0 };
	json_t *seed;

	if (check_file(&o->key, &pem, "--key", &err) < 0 ||
	    check_file(&o->known_hosts, &hosts, "--known-hosts", &err) < 0 ||
	    check_file(&o->token, &token, "--token-file", &err) < 0)
		return doc_fail(&err);
	if (o->url == NULL)
		return doc_filter(&stage, o);
	url = mirror_url(o->url, &err);
	if (url == NULL)
		return doc_fail(&err);
	o->url = url;
	o->who.base = url;
	seed = seed_of(o, &err);
	return seed != NULL ? doc_first(&stage, seed, o) : doc_fail(&err);
}

static int
take(struct options *o, int argc, char **argv)
{
	const struct cli_option options[] = {
		{ "branch", .text = &o->branch },
		{ "commit", .text = &o->commit },
		{ "environment", .text = &o->who.environment },
		{ "key", .text = &o->key },
		{ "known-hosts", .text = &o->known_hosts },
		{ "project", .text = &o->who.project_file },
		{ "slug", .text = &o->who.slug },
		{ "token-file", .text = &o->token },
		{ "url", .text = &o->url },
		{ 0 },
	};
	int status = cli_take(&cli, CLI_FILTER, options, argc, argv);

	if (status != CLI_GO)
		return status;
	if (o->url == NULL &&
	    (o->branch != NULL || o->commit != NULL || o->who.slug != NULL ||
		o->who.environment != NULL || o->who.project_file != NULL))
		return cli_usage(&cli, "only with --url: without it, documents "
				       "on standard input say what to fetch");
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	int status;

	cli_begin(&cli);
	status = take(&o, argc, argv);
	return status != CLI_GO ? status : cli_end(start(&o));
}
