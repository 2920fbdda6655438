/*
 * rcn-notify - reads a document, tells GitHub how its deployment goes: a
 * commit status and, of a preview, a comment on its pull request; writes what
 * it has told.  A sink: the last of a pipeline, or a job of its own.
 */
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/mask.h"
#include "base/text.h"
#include "document/cli.h"
#include "document/document.h"
#include "notify/github.h"
#include "parse/giturl.h"

enum { TOKEN_MAX = 4096 };

static const struct cli cli = {
	"rcn-notify",
	"usage: rcn-notify [-hqVv] [-d file] [--state state] "
	"[--token-file file]\n",
};

struct options {
	const char *state; /* NULL: the document says */
	const char *token_file;
};

/* ---- what is told ---- */

static const char *
state_of(const json_t *doc, const struct options *o)
{
	const char *code = json_str(doc, "error.code", NULL);

	if (o->state != NULL)
		return o->state;
	if (code != NULL)
		return strcmp(code, "cancelled") == 0 ||
			       strcmp(code, "superseded") == 0 ||
			       strcmp(code, "unwatched") == 0
			   ? "error"
			   : "failure";
	return json_object_get(doc, "route") != NULL ? "success" : "pending";
}

static char *
description(const json_t *doc, const char *state)
{
	int64_t n = json_int(doc, "deployment.number", 0);
	auto_free char *which =
	    n > 0 ? mem_printf("deployment %lld", (long long)n)
		  : mem_strdup("deployment");

	if (strcmp(state, "success") == 0)
		return mem_printf("%s is live", which);
	if (strcmp(state, "pending") == 0)
		return mem_printf("%s is on its way", which);
	return mem_printf("%s", json_str(doc, "error.message", which));
}

static const char *
url_of(const json_t *doc, const char *state)
{
	return strcmp(state, "success") == 0 ? json_str(doc, "route.url", NULL)
					     : NULL;
}

/* ---- to whom ---- */

/* github.com/o/n: api.github.com; another host: GitHub Enterprise's form. */
static char *
api_of(const char *key)
{
	const char *set = conf_get("GITHUB_API", NULL);
	size_t n = strcspn(key, "/");
	char *api;

	if (set == NULL)
		return strncmp(key, "github.com/", 11) == 0
			   ? mem_strdup("https://api.github.com")
			   : mem_printf("https://%.*s/api/v3", (int)n, key);
	api = mem_strdup(set);
	n = strlen(api);
	while (n > 0 && api[n - 1] == '/')
		api[--n] = '\0';
	return api;
}

static bool
is_name(const char *s, size_t n)
{
	return n > 0 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") >= n;
}

/* key: HOST/OWNER/NAME, nothing more; *at is OWNER/NAME in it. */
static int
repository_of(const json_t *doc, struct buf *key, const char **at,
    struct err *err)
{
	const char *url = json_str(doc, "project.repository", "");
	struct err bad = { 0 };
	const char *owner, *name = NULL;

	if (giturl_key(url, key, &bad) == 0 &&
	    (owner = strchr(key->data, '/')) != NULL && owner != key->data)
		name = strchr(owner + 1, '/');
	if (name == NULL || !is_name(owner + 1, (size_t)(name - owner - 1)) ||
	    !is_name(name + 1, strlen(name + 1)))
		return err_set(err, EX_DATAERR, "notify-nowhere",
		    "%.300s: no repository of GitHub's form, HOST/OWNER/NAME",
		    url);
	*at = owner + 1;
	return 0;
}

static int
read_token(const struct options *o, struct buf *token, struct err *err)
{
	auto_free char *beside = doc_secret_path("github-token");
	const char *path = o->token_file != NULL ? o->token_file : beside;

	if (path == NULL) {
		err_set(err, EX_CONFIG, "no-token", "no token for GitHub");
		return err_hint(err, "--token-file FILE");
	}
	if (io_read_file(path, TOKEN_MAX, token, err) < 0)
		return -1;
	while (token->len > 0 && token->data[token->len - 1] <= ' ')
		buf_cut(token, token->len - 1);
	mask_add(buf_str(token));
	for (size_t i = 0; i < token->len; i++)
		if (token->data[i] <= ' ' || token->data[i] > '~')
			token->len = 0;
	if (token->len == 0)
		return err_set(err, EX_DATAERR, "no-token",
		    "%s: not one line that is a token", path);
	return 0;
}

static bool
is_commit(const char *s)
{
	size_t n = strlen(s);

	return (n == 40 || n == 64) && strspn(s, "0123456789abcdef") == n;
}

/* ---- telling ---- */

static int
comment(struct github *g, const json_t *doc, const char *commit,
    const struct github_status *s, struct err *err)
{
	int64_t number = json_int(doc, "deployment.pull_request", 0);
	auto_free char *marker = mem_printf("<!-- rcn %s %s -->", doc_slug(doc),
	    doc_environment(doc));
	auto_buf struct buf text = { 0 };

	if (number <= 0)
		return 0;
	buf_addf(&text, "**%s** preview of %.7s: ", doc_slug(doc), commit);
	if (s->url != NULL)
		buf_addf(&text, "live at %s", s->url);
	else
		buf_addf(&text, "%s", s->description);
	return github_comment(g, number, marker, text.data, err);
}

static int
tell(const json_t *doc, const struct options *o, json_t **told, struct err *err)
{
	auto_buf struct buf key = { 0 }, token = { 0 };
	auto_github struct github g = { 0 };
	const char *commit = json_str(doc, "source.commit",
	    json_str(doc, "deployment.commit", ""));
	const char *state = state_of(doc, o);
	auto_free char *said = description(doc, state);
	auto_free char *context =
	    mem_printf("rcn/%s/%s", doc_slug(doc), doc_environment(doc));
	auto_free char *api = NULL;
	const struct github_status s = { state, context, said,
		url_of(doc, state) };
	int ret;

	if (!is_commit(commit))
		return err_set(err, EX_DATAERR, "notify-nowhere",
		    "document: no commit to tell of");
	if (repository_of(doc, &key, &g.repository, err) < 0)
		return -1;
	ret = read_token(o, &token, err);
	api = api_of(key.data);
	g.api = api;
	g.token = buf_str(&token);
	if (ret == 0)
		ret = github_status(&g, commit, &s, err);
	if (ret == 0)
		ret = comment(&g, doc, commit, &s, err);
	buf_wipe(&token);
	*told = json_pack("{s:s, s:s, s:s, s:s, s:s}", "repository",
	    g.repository, "commit", commit, "context", context, "state", state,
	    "description", said);
	return ret;
}

static int
take(struct options *o, int argc, char **argv)
{
	static const char *const states[] = { "pending", "success", "failure",
		"error" };
	const struct cli_option options[] = {
		{ "state", .text = &o->state },
		{ "token-file", .text = &o->token_file },
		{ 0 },
	};
	bool known = false;
	int status = cli_take(&cli, CLI_FILTER, options, argc, argv);

	if (status != CLI_GO)
		return status;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (o->state != NULL && strcmp(o->state, states[i]) == 0)
			known = true;
	if (o->state != NULL && !known)
		return cli_usage(&cli,
		    "--state %s: pending, success, failure "
		    "or error",
		    o->state);
	return CLI_GO;
}

static int
each(json_t *doc, void *ctx)
{
	auto_buf struct buf line = { 0 };
	json_auto_t *told = NULL;
	struct err err = { 0 };

	if (tell(doc, ctx, &told, &err) < 0) {
		err_print(&err);
		return err.status;
	}
	json_write(&line, told, JSON_COMPACT);
	printf("%s\n", line.data);
	return 0;
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	int status;

	cli_begin(&cli);
	status = take(&o, argc, argv);
	if (status != CLI_GO)
		return status;
	mask_no_dump();
	return cli_end(doc_each(each, &o));
}
