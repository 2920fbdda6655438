#include "hook/event.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/giturl.h"
#include "parse/jsonpick.h"

enum { PICK_MAX = 256 * 1024, LINE_MAX_BYTES = 500 };

static const char *const wanted[] = {
	"action",
	"after",
	"before",
	"deleted",
	"forced",
	"head_commit.author.name",
	"head_commit.message",
	"number",
	"pull_request.base.ref",
	"pull_request.base.repo.full_name",
	"pull_request.head.ref",
	"pull_request.head.repo.clone_url",
	"pull_request.head.repo.full_name",
	"pull_request.head.sha",
	"pull_request.title",
	"pull_request.user.login",
	"pusher.login",
	"pusher.name",
	"ref",
	"ref_type",
	"repository.clone_url",
	"repository.fork",
	"repository.full_name",
	"repository.html_url",
	"repository.ssh_url",
	"sender.login",
	NULL,
};

static int
bad(struct err *err, const char *why)
{
	return err_set(err, EX_DATAERR, "bad-delivery", "%s", why);
}

static int
ignore(struct event *e, const char *reason)
{
	e->kind = EVENT_IGNORE;
	e->reason = reason;
	return 0;
}

void
event_release(struct event *e)
{
	json_decref(e->delivery);
	e->delivery = NULL;
	strvec_release(&e->keys);
}

static void
add_key(struct event *e, const char *url)
{
	auto_buf struct buf key = { 0 };
	struct err err = { 0 };

	if (url != NULL && giturl_key(url, &key, &err) == 0 &&
	    *buf_str(&key) != '/' && !strvec_has(&e->keys, buf_str(&key)))
		strvec_add(&e->keys, buf_str(&key));
}

static bool
is_commit(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return s[n] == '\0' && (n == 40 || n == 64);
}

static bool
is_zero(const char *s)
{
	return s[strspn(s, "0")] == '\0';
}

/* What git check-ref-format(1) lets through, and no option. */
static bool
is_branch(const char *s)
{
	if (*s == '\0' || *s == '-' || *s == '/' || strlen(s) > 255 ||
	    text_ends(s, "/") || text_ends(s, ".lock") || text_ends(s, ".") ||
	    strstr(s, "..") != NULL || strstr(s, "@{") != NULL ||
	    strstr(s, "//") != NULL)
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 127 ||
		    strchr("~^:?*[\\", *s) != NULL)
			return false;
	return true;
}

static bool
says_skip(const char *message)
{
	static const char *const marks[] = { "[skip ci]", "[ci skip]",
		"[skip deploy]" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (strcasestr(message, marks[i]) != NULL)
			return true;
	return false;
}

static void
set(json_t *o, const char *key, const char *value)
{
	if (value != NULL)
		json_object_set_new(o, key, json_text(value));
}

static json_t *
first_line(const char *text)
{
	size_t n = strcspn(text, "\r\n");

	if (n > LINE_MAX_BYTES)
		n = LINE_MAX_BYTES;
	while (n > 0 && (text[n] & 0xc0) == 0x80)
		n--;
	return json_textn(text, n);
}

/* What all kinds have. */
static json_t *
delivery(json_t *in, const char *event)
{
	json_t *d = json_object(), *r = json_object();
	const char *actor = json_str(in, "sender.login", NULL);

	if (actor == NULL)
		actor = json_str(in, "pusher.login", NULL);
	if (actor == NULL)
		actor = json_str(in, "pusher.name", NULL);
	set(d, "event", event);
	set(r, "full_name", json_str(in, "repository.full_name", NULL));
	set(r, "clone_url", json_str(in, "repository.clone_url", NULL));
	json_object_set_new(r, "fork",
	    json_boolean(json_bool(in, "repository.fork", false)));
	json_object_set_new(d, "repository", r);
	set(d, "actor", actor);
	return d;
}

static int
deleted(struct event *e, json_t *in, const char *branch, struct err *err)
{
	if (!is_branch(branch))
		return bad(err, "ref: not the name of a branch");
	e->delivery = delivery(in, "branch_deleted");
	set(e->delivery, "branch", branch);
	return 0;
}

static int
push(struct event *e, json_t *in, struct err *err)
{
	const char *ref = json_str(in, "ref", ""), *branch;
	const char *after = json_str(in, "after", "");
	const char *before = json_str(in, "before", "");
	const char *message = json_str(in, "head_commit.message", "");

	if (text_starts(ref, "refs/tags/"))
		return ignore(e, "a tag");
	if (!text_starts(ref, "refs/heads/"))
		return *ref == '\0' ? bad(err, "no ref in this push")
				    : ignore(e, "not a branch");
	branch = ref + strlen("refs/heads/");
	if (json_bool(in, "deleted", false) ||
	    (is_commit(after) && is_zero(after)))
		return deleted(e, in, branch, err);
	if (!is_branch(branch))
		return bad(err, "ref: not the name of a branch");
	if (!is_commit(after))
		return bad(err, "after: not a commit's id");
	if (says_skip(message))
		return ignore(e, "the commit asks to be skipped");
	e->delivery = delivery(in, "push");
	set(e->delivery, "branch", branch);
	set(e->delivery, "commit", after);
	if (is_commit(before) && !is_zero(before))
		set(e->delivery, "before", before);
	json_object_set_new(e->delivery, "forced",
	    json_boolean(json_bool(in, "forced", false)));
	json_object_set_new(e->delivery, "message", first_line(message));
	set(e->delivery, "author",
	    json_str(in, "head_commit.author.name", NULL));
	return 0;
}

/* Gitea tells a deleted branch by an event of its own. */
static int
delete_event(struct event *e, json_t *in, struct err *err)
{
	const char *ref = json_str(in, "ref", "");

	if (strcmp(json_str(in, "ref_type", ""), "branch") != 0)
		return ignore(e, "not a branch");
	if (text_starts(ref, "refs/heads/"))
		ref += strlen("refs/heads/");
	return deleted(e, in, ref, err);
}

static const char *
pull_action(const char *action)
{
	static const struct {
		const char *theirs, *ours;
	} all[] = {
		{ "closed", "closed" },
		{ "opened", "opened" },
		{ "reopened", "reopened" },
		{ "synchronize", "synchronize" },
		{ "synchronized", "synchronize" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (strcmp(action, all[i].theirs) == 0)
			return all[i].ours;
	return NULL;
}

/* A head whose repository has gone was somebody else's. */
static bool
from_fork(json_t *in)
{
	const char *own = json_str(in, "repository.full_name", "");
	const char *head =
	    json_str(in, "pull_request.head.repo.full_name", NULL);

	return head == NULL ||
	       strcasecmp(json_str(in, "pull_request.base.repo.full_name", own),
		   head) != 0;
}

static int
pull_request(struct event *e, json_t *in, struct err *err)
{
	const char *action = pull_action(json_str(in, "action", ""));
	const char *head = json_str(in, "pull_request.head.ref", "");
	const char *base = json_str(in, "pull_request.base.ref", "");
	const char *sha = json_str(in, "pull_request.head.sha", "");
	int64_t number = json_int(in, "number", 0);
	json_t *p;

	if (action == NULL)
		return ignore(e, "an action that changes no commit");
	if (number < 1)
		return bad(err, "number: not a pull request's");
	if (!is_branch(head) || !is_branch(base))
		return bad(err, "pull_request: not the name of a branch");
	if (!is_commit(sha))
		return bad(err, "pull_request.head.sha: not a commit's id");
	e->delivery = delivery(in, "pull_request");
	set(e->delivery, "branch", head);
	set(e->delivery, "commit", sha);
	json_object_set_new(e->delivery, "message",
	    first_line(json_str(in, "pull_request.title", "")));
	set(e->delivery, "author",
	    json_str(in, "pull_request.user.login", NULL));
	p = json_pack("{s:I, s:s, s:b}", "number", (json_int_t)number, "action",
	    action, "fork", from_fork(in));
	set(p, "head_branch", head);
	set(p, "base_branch", base);
	set(p, "head_url",
	    json_str(in, "pull_request.head.repo.clone_url", NULL));
	json_object_set_new(e->delivery, "pull_request", p);
	return 0;
}

static int
by_name(struct event *e, const char *provider, const char *name, json_t *in,
    struct err *err)
{
	if (strcmp(name, "ping") == 0) {
		e->kind = EVENT_PING;
		return 0;
	}
	if (strcmp(name, "push") == 0)
		return push(e, in, err);
	if (strcmp(name, "pull_request") == 0)
		return pull_request(e, in, err);
	if (strcmp(name, "delete") == 0 && strcmp(provider, "github") != 0)
		return delete_event(e, in, err);
	return ignore(e, "an event of no interest");
}

int
event_read(struct event *e, const char *provider, const char *name,
    const char *id, const char *json, size_t n, struct err *err)
{
	auto_buf struct buf few = { 0 };
	json_auto_t *in = NULL;

	*e = (struct event){ .kind = EVENT_RECORD };
	if (json_pick(json, n, wanted, PICK_MAX, &few, err) < 0)
		return -1;
	in = json_parse(few.data, few.len, "body", err);
	if (in == NULL)
		return -1;
	add_key(e, json_str(in, "repository.clone_url", NULL));
	add_key(e, json_str(in, "repository.ssh_url", NULL));
	add_key(e, json_str(in, "repository.html_url", NULL));
	if (by_name(e, provider, name, in, err) < 0) {
		event_release(e);
		return -1;
	}
	if (e->delivery != NULL) {
		set(e->delivery, "delivery", id);
		set(e->delivery, "provider", provider);
	}
	return 0;
}
