#include "state/credential.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mask.h"
#include "base/text.h"
#include "state/project.h"
#include "state/seal.h"
#include "state/sshkey.h"

/*
 * Kinds
 */

struct kind {
	const char *name;
	enum holder holder;
	/* Judges value, brings it into form; public may get its other half. */
	int (*check)(struct buf *value, struct buf *public, struct err *);
	void (*make)(const char *slug, struct buf *value, struct buf *public);
};

static int
bad(struct err *err, const char *kind, const char *why)
{
	return err_set(err, EX_DATAERR, "bad-credential", "%s: %s", kind, why);
}

static void
trim(struct buf *b)
{
	while (b->len > 0 && isspace((unsigned char)b->data[b->len - 1]))
		buf_cut(b, b->len - 1);
}

static int
one_word(struct buf *b, const char *kind, size_t least, struct err *err)
{
	trim(b);
	if (b->len < least)
		return err_set(err, EX_DATAERR, "bad-credential",
		    "%s: shorter than %zu bytes", kind, least);
	for (size_t i = 0; i < b->len; i++)
		if (!isgraph((unsigned char)b->data[i]))
			return bad(err, kind,
			    "more than one word, or not printable");
	return 0;
}

static int
check_token(struct buf *b, struct buf *public, struct err *err)
{
	(void)public;
	return one_word(b, "token", 1, err);
}

static int
check_webhook(struct buf *b, struct buf *public, struct err *err)
{
	(void)public;
	return one_word(b, "webhook", 8, err);
}

static int
check_key(struct buf *b, struct buf *public, struct err *err)
{
	trim(b);
	buf_addc(b, '\n'); /* ssh(1) wants it */
	return sshkey_public(b->data, b->len, public, err);
}

static int
check_hosts(struct buf *b, struct buf *public, struct err *err)
{
	(void)public;
	trim(b);
	if (b->len == 0 || !text_is_utf8(b->data, b->len))
		return bad(err, "git-known-hosts", "no lines of known_hosts");
	buf_addc(b, '\n');
	return 0;
}

/* jansson's own words would quote it. */
static int
check_registry(struct buf *b, struct buf *public, struct err *err)
{
	auto_wiped json_t *v = NULL;
	json_error_t why;

	(void)public;
	v = json_loadb(buf_str(b), b->len, JSON_REJECT_DUPLICATES, &why);
	if (json_is_object(json_object_get(v, "auths")))
		return 0;
	bad(err, "registry", "not a Docker config.json with `auths`");
	return err_hint(err, "docker login writes ~/.docker/config.json");
}

static void
make_key(const char *slug, struct buf *value, struct buf *public)
{
	auto_free char *comment =
	    mem_printf("rcn-%s", slug != NULL ? slug : "installation");

	sshkey_make(comment, value, public);
}

static void
make_webhook(const char *slug, struct buf *value, struct buf *public)
{
	unsigned char raw[32];
	char hex[2 * sizeof(raw) + 1];

	(void)slug;
	(void)public;
	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), hex);
	buf_adds(value, hex);
	explicit_bzero(raw, sizeof(raw));
	explicit_bzero(hex, sizeof(hex));
}

static const struct kind kinds[] = {
	{ "git-key", HOLDER_SECRET, check_key, make_key },
	{ "git-known-hosts", HOLDER_SECRET, check_hosts, NULL },
	{ "git-token", HOLDER_SECRET, check_token, NULL },
	{ "github-token", HOLDER_SECRET, check_token, NULL },
	{ "registry", HOLDER_SECRET, check_registry, NULL },
	{ "webhook", HOLDER_HOOK, check_webhook, make_webhook },
};

static const struct kind *
kind_of(const char *name, struct err *err)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	err_set(err, EX_DATAERR, "bad-credential", "%s: no such kind", name);
	err_hint(err, "git-key, git-known-hosts, git-token, github-token, "
		      "registry or webhook");
	return NULL;
}

/*
 * Rows
 */

/* project: the slug's row, or NULL for the installation's. */
static int
project_of(struct state *st, const char *slug, json_t **row, struct err *err)
{
	*row = NULL;
	if (slug == NULL)
		return 0;
	*row = project_row(st, slug, err);
	return *row != NULL ? 0 : -1;
}

static const char *
id_of(const json_t *project)
{
	return json_str(project, "id", NULL);
}

#define ROW                                                            \
	"SELECT c.id, p.slug AS project, c.kind, CASE WHEN c.kind ="   \
	" 'git-key' THEN c.public END AS public, c.created_at, c.rev"  \
	" FROM credentials c LEFT JOIN projects p ON p.id = c.project" \
	" WHERE coalesce(c.project, '') = :project"

static json_t *
row(struct state *st, const char *project_id, const char *kind, struct err *err)
{
	return db_first(st->db, ROW " AND c.kind = :kind",
	    ARGS(ARG_TEXT("project", project_id != NULL ? project_id : ""),
		ARG_TEXT("kind", kind)),
	    err);
}

static void
identity(struct buf *b, const char *id, const char *project_id,
    const char *kind)
{
	buf_addf(b, "credentials/%s/%s/%s", id,
	    project_id != NULL ? project_id : "-", kind);
}

/* What rcn-hookd opens has its repository inside, and no row's name. */
static int
seal_webhook(struct state *st, const char *repository, const char *secret,
    struct buf *box, char key[UUID_TEXT], struct err *err)
{
	AUTO(buf_wipe) struct buf text = { 0 };
	auto_wiped json_t *v =
	    json_pack("{s:s, s:s}", "repository", repository, "secret", secret);

	buf_grow(&text, strlen(repository) + 6 * strlen(secret) + 64);
	json_write(&text, v, JSON_COMPACT);
	return seal_bytes(st, HOLDER_HOOK, text.data, text.len, box, key, err);
}

static int
open_webhook(struct state *st, const char *key, const char *repository,
    const void *box, size_t n, struct buf *secret, struct err *err)
{
	AUTO(buf_wipe) struct buf text = { 0 };
	auto_wiped json_t *v = NULL;
	json_error_t why;

	if (seal_open_bytes(st, key, box, n, &text, err) < 0)
		return -1;
	v = json_loadb(buf_str(&text), text.len, 0, &why);
	if (strcmp(json_str(v, "repository", ""), repository) != 0)
		return err_set(err, EX_DATAERR, "bad-seal",
		    "webhook of %s: sealed for another repository", repository);
	buf_grow(secret, text.len);
	buf_adds(secret, json_str(v, "secret", ""));
	return 0;
}

static const char *
repository_of(const json_t *project)
{
	return project == NULL ? "*" : json_str(project, "repository", "");
}

/*
 * Setting and taking away
 */

static int
tell(struct state *st, const char *what, const json_t *project,
    const char *kind, struct err *err)
{
	return state_event(st,
	    &(struct event){ .kind = what,
		.team = json_str(project, "team_id", NULL),
		.project = id_of(project),
		.data = json_pack("{s:s}", "kind", kind) },
	    err);
}

static int
write_row(struct state *st, const json_t *project, const struct kind *k,
    const char *id, bool there, const struct buf *value, const char *public,
    struct err *err)
{
	auto_buf struct buf who = { 0 };
	auto_buf struct buf box = { 0 };
	char key[UUID_TEXT], now[CLOCK_TEXT];
	int bad;

	identity(&who, id, id_of(project), k->name);
	bad = k->holder == HOLDER_HOOK
		  ? seal_webhook(st, public, value->data, &box, key, err)
		  : seal_value(st, k->holder, who.data, value->data, value->len,
			&box, key, err);
	if (bad < 0)
		return -1;
	clock_now_text(now);
	if (there)
		return db_run(st->db,
		    "UPDATE credentials SET public = :public,"
		    " sealed = :sealed, key_id = :key, created_at = :now,"
		    " rev = rev + 1 WHERE id = :id",
		    ARGS(ARG_TEXT("public", public),
			ARG_BLOB("sealed", box.data, box.len),
			ARG_TEXT("key", key), ARG_TEXT("now", now),
			ARG_TEXT("id", id)),
		    err);
	return db_run(st->db,
	    "INSERT INTO credentials (id, project, kind, public, sealed,"
	    " key_id, created_at) VALUES (:id, :project, :kind, :public,"
	    " :sealed, :key, :now)",
	    ARGS(ARG_TEXT("id", id), ARG_TEXT("project", id_of(project)),
		ARG_TEXT("kind", k->name), ARG_TEXT("public", public),
		ARG_BLOB("sealed", box.data, box.len), ARG_TEXT("key", key),
		ARG_TEXT("now", now)),
	    err);
}

static json_t *
set(struct state *st, const char *slug, const struct kind *k,
    const struct buf *value, const char *public, struct err *err)
{
	json_auto_t *project = NULL;
	json_auto_t *old = NULL;
	char id[UUID_TEXT];

	if (project_of(st, slug, &project, err) < 0)
		return NULL;
	old = row(st, id_of(project), k->name, err);
	if (old == NULL && err->status != 0)
		return NULL;
	uuid7(id);
	if (old != NULL)
		snprintf(id, sizeof(id), "%s", json_str(old, "id", ""));
	if (k->holder == HOLDER_HOOK)
	public = repository_of(project);
	if (write_row(st, project, k, id, old != NULL, value,
		*public != '\0' || k->holder == HOLDER_HOOK ? public : NULL,
		err) < 0 ||
	    tell(st, "credential.set", project, k->name, err) < 0)
		return NULL;
	return row(st, id_of(project), k->name, err);
}

json_t *
credential_set(struct state *st, const char *slug, const char *kind,
    const char *given, struct err *err)
{
	const struct kind *k = kind_of(kind, err);
	AUTO(buf_wipe) struct buf value = { 0 };
	auto_buf struct buf public = { 0 };
	json_t *made = NULL;

	mask_no_dump();
	if (k == NULL)
		return NULL;
	if (given == NULL && k->make == NULL) {
		bad(err, kind, "its value is not given");
		return NULL;
	}
	if (given == NULL)
		k->make(slug, &value, &public);
	else {
		buf_grow(&value, strlen(given) + 2);
		buf_adds(&value, given);
		if (value.len > CREDENTIAL_MAX) {
			bad(err, kind, "too large");
			return NULL;
		}
		if (k->check(&value, &public, err) < 0)
			return NULL;
	}
	if (db_begin(st->db, err) < 0)
		return NULL;
	made = set(st, slug, k, &value, buf_str(&public), err);
	if (db_end(st->db, made != NULL ? 0 : -1, err) == 0 &&
	    hook_publish(st, err) == 0)
		return made;
	json_decref(made);
	return NULL;
}

static int
take(struct state *st, const char *slug, const char *kind, struct err *err)
{
	json_auto_t *project = NULL;
	const char *id;
	int n;

	if (project_of(st, slug, &project, err) < 0)
		return -1;
	id = id_of(project);
	n = db_run(st->db,
	    "DELETE FROM credentials WHERE coalesce(project, '') = :project"
	    " AND kind = :kind",
	    ARGS(ARG_TEXT("project", id != NULL ? id : ""),
		ARG_TEXT("kind", kind)),
	    err);
	if (n == 0)
		return err_set(err, EX_NOINPUT, "not-found",
		    "credential %s: there is none", kind);
	return n < 0 ? -1 : tell(st, "credential.removed", project, kind, err);
}

int
credential_remove(struct state *st, const char *slug, const char *kind,
    struct err *err)
{
	if (kind_of(kind, err) == NULL || db_begin(st->db, err) < 0 ||
	    db_end(st->db, take(st, slug, kind, err), err) < 0)
		return -1;
	return hook_publish(st, err);
}

json_t *
credential_list(struct state *st, const char *slug, struct err *err)
{
	json_auto_t *project = NULL;

	if (project_of(st, slug, &project, err) < 0)
		return NULL;
	return db_list(st->db, ROW " ORDER BY c.kind",
	    ARGS(ARG_TEXT("project", json_str(project, "id", ""))), err);
}

/*
 * Opening
 */

static int
open_row(struct state *st, const char *project_id, const struct kind *k,
    struct buf *value, struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	auto_buf struct buf who = { 0 };
	const void *box;
	size_t n;
	int more;

	if (db_query(st->db, &r,
		"SELECT id, key_id, sealed, public FROM credentials"
		" WHERE coalesce(project, '') = :project AND kind = :kind",
		ARGS(ARG_TEXT("project", project_id != NULL ? project_id : ""),
		    ARG_TEXT("kind", k->name)),
		err) < 0 ||
	    (more = db_next(r, err)) < 0)
		return -1;
	if (more == 0)
		return 0;
	box = db_blob(r, 2, &n);
	identity(&who, db_text(r, 0), project_id, k->name);
	if ((k->holder == HOLDER_HOOK ? open_webhook(st, db_text(r, 1),
					    db_text(r, 3), box, n, value, err)
				      : seal_open(st, db_text(r, 1), who.data,
					    box, n, value, err)) < 0)
		return err_wrap(err, "credential %s", k->name);
	return 1;
}

/* A key that was rotated since: the row has another by now. */
static int
open_twice(struct state *st, const char *project_id, const struct kind *k,
    struct buf *value, struct err *err)
{
	int got = open_row(st, project_id, k, value, err);

	if (got >= 0 || strcmp(err->code, "no-key") != 0)
		return got;
	*err = (struct err){ 0 };
	return open_row(st, project_id, k, value, err);
}

int
credential_open(struct state *st, const char *slug, const char *kind, bool own,
    struct buf *value, struct err *err)
{
	json_auto_t *project = NULL;
	const struct kind *k = kind_of(kind, err);
	int got = 0;

	if (k == NULL || project_of(st, slug, &project, err) < 0)
		return -1;
	if (project != NULL || own)
		got = open_twice(st, id_of(project), k, value, err);
	return got != 0 || own ? got : open_twice(st, NULL, k, value, err);
}
