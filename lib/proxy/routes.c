#include "proxy/routes.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "document/document.h"

enum { FILE_MAX = 64 * 1024 };

static const char cure[] = "rcn-route --sync writes it anew from what the "
			   "running proxy serves; or mend or remove it";

void
route_set(struct route *r, const char *key, const char *deployment)
{
	route_release(r);
	r->key = mem_strdup(key);
	r->deployment = mem_strdup(deployment);
}

void
route_copy(struct route *to, const struct route *from)
{
	route_set(to, from->key, from->deployment);
	for (size_t i = 0; i < from->hosts.n; i++)
		strvec_add(&to->hosts, from->hosts.v[i]);
	for (size_t i = 0; i < from->addrs.n; i++)
		strvec_add(&to->addrs, from->addrs.v[i]);
}

void
route_release(struct route *r)
{
	free(r->key);
	free(r->deployment);
	strvec_release(&r->hosts);
	strvec_release(&r->addrs);
	*r = (struct route){ 0 };
}

/* As sets. */
static bool
same(const struct strvec *a, const struct strvec *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!strvec_has(b, a->v[i]))
			return false;
	return true;
}

/* Without hosts or without addresses nothing tells the deployment. */
bool
route_equal(const struct route *a, const struct route *b)
{
	if (a->hosts.n == 0 && b->hosts.n == 0)
		return true;
	return same(&a->hosts, &b->hosts) && same(&a->addrs, &b->addrs) &&
	       (a->addrs.n == 0 || strcmp(a->deployment, b->deployment) == 0);
}

char *
route_key(const char *project, const char *environment)
{
	return mem_printf("%s.%s", project, environment);
}

static void
add_host(struct strvec *hosts, const char *host)
{
	auto_free char *copy = mem_strdup(host);

	for (char *s = copy; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
	if (text_ends(copy, "."))
		copy[strlen(copy) - 1] = '\0';
	if (!strvec_has(hosts, copy))
		strvec_add(hosts, copy);
}

void
route_hosts(struct strvec *hosts, const json_t *doc, const struct strvec *given)
{
	const json_t *list = json_at(doc, "project.hosts"), *host;
	const char *where = doc_environment(doc);
	bool main_one = strcmp(where, "production") == 0;
	auto_free char *own = mem_printf("%s%s%s.localhost",
	    main_one ? "" : where, main_one ? "" : ".", doc_slug(doc));
	size_t i;

	for (i = 0; i < given->n; i++)
		add_host(hosts, given->v[i]);
	if (hosts->n > 0)
		return;
	json_array_foreach(list, i, host)
		add_host(hosts, json_string_value(host) != NULL
				    ? json_string_value(host)
				    : "");
	if (hosts->n == 0)
		add_host(hosts, own);
}

/* RCN_LOCK_FD is open on this very file. */
static bool
inherited(const char *path)
{
	const char *text = getenv("RCN_LOCK_FD");
	struct err ignored = { 0 };
	struct stat mine, theirs;
	uint64_t fd;

	return text != NULL &&
	       parse_u64(text, 3, INT_MAX, &fd, &ignored) == 0 &&
	       fstat((int)fd, &theirs) == 0 && stat(path, &mine) == 0 &&
	       mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

int
route_lock(const char *key, int64_t wait_ms, int *fd, struct err *err)
{
	auto_buf struct buf path = { 0 };

	*fd = -1;
	if (conf_run_path(&path, "lock", err) < 0)
		return -1;
	buf_addf(&path, "/%s", key);
	return inherited(path.data) ? 0 : io_lock(path.data, wait_ms, fd, err);
}

/* ---- what may stand in a route ---- */

static bool
word(const char *s, size_t max)
{
	size_t n =
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		      "0123456789._-");

	return n <= max && s[n] == '\0';
}

static bool
addr_ok(const char *s)
{
	const char *colon = strchr(s, ':');
	char ip[INET_ADDRSTRLEN] = "";
	struct in_addr in;
	struct err err = { 0 };
	uint64_t port;

	if (colon == NULL || (size_t)(colon - s) >= sizeof(ip))
		return false;
	memcpy(ip, s, (size_t)(colon - s));
	return inet_pton(AF_INET, ip, &in) == 1 &&
	       parse_u64(colon + 1, 1, 65535, &port, &err) == 0;
}

static int
each_once(const struct strvec *list, size_t max, const char *what,
    struct err *err)
{
	if (list->n > max)
		return err_set(err, EX_DATAERR, "bad-route",
		    "route: %zu %s, at most %zu", list->n, what, max);
	for (size_t i = 1; i < list->n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(list->v[i], list->v[k]) == 0)
				return err_set(err, EX_DATAERR, "bad-route",
				    "route: %s: twice", list->v[i]);
	return 0;
}

int
route_valid(const struct route *r, struct err *err)
{
	if (r->key == NULL || !word(r->key, 128) ||
	    strchr(r->key, '.') == NULL || r->key[0] == '.')
		return err_set(err, EX_DATAERR, "bad-route",
		    "route: %s: not PROJECT.ENVIRONMENT",
		    r->key == NULL ? "" : r->key);
	if (!word(r->deployment, 64) ||
	    (r->addrs.n > 0 && r->deployment[0] == '\0'))
		return err_set(err, EX_DATAERR, "bad-route",
		    "route %s: %s: not a deployment's id", r->key,
		    r->deployment);
	for (size_t i = 0; i < r->hosts.n; i++)
		if (!text_is_host(r->hosts.v[i])) {
			err_set(err, EX_DATAERR, "bad-host",
			    "host %s: not a DNS name", r->hosts.v[i]);
			return err_hint(err,
			    "lower case letters, digits, hyphens and dots");
		}
	for (size_t i = 0; i < r->addrs.n; i++)
		if (!addr_ok(r->addrs.v[i]))
			return err_set(err, EX_DATAERR, "bad-route",
			    "route %s: %s: not IPv4:PORT", r->key,
			    r->addrs.v[i]);
	if (each_once(&r->hosts, ROUTE_HOSTS_MAX, "hosts", err) < 0)
		return -1;
	return each_once(&r->addrs, ROUTE_ADDRS_MAX, "targets", err);
}

/* ---- in memory ---- */

void
routes_release(struct routes *all)
{
	for (size_t i = 0; i < all->n; i++)
		route_release(&all->v[i]);
	for (size_t i = 0; i < all->why.n; i++)
		route_release(&all->bad[i]);
	free(all->v);
	free(all->bad);
	strvec_release(&all->why);
	*all = (struct routes){ 0 };
}

/* Where key is, or should be. */
static size_t
place(const struct routes *all, const char *key)
{
	size_t i = 0;

	assert(key != NULL);
	while (i < all->n && strcmp(all->v[i].key, key) < 0)
		i++;
	return i;
}

const struct route *
routes_find(const struct routes *all, const char *key)
{
	size_t i = place(all, key);

	return i < all->n && strcmp(all->v[i].key, key) == 0 ? &all->v[i]
							     : NULL;
}

const struct route *
routes_owner(const struct routes *all, const char *host)
{
	for (size_t i = 0; i < all->n; i++)
		if (strvec_has(&all->v[i].hosts, host))
			return &all->v[i];
	return NULL;
}

static struct route *
insert(struct routes *all, size_t at)
{
	if (all->n == all->cap) {
		all->cap = all->cap == 0 ? 16 : all->cap * 2;
		all->v = mem_realloc(all->v, all->cap, sizeof(*all->v));
	}
	memmove(&all->v[at + 1], &all->v[at],
	    (all->n++ - at) * sizeof(*all->v));
	all->v[at] = (struct route){ 0 };
	return &all->v[at];
}

void
routes_set(struct routes *all, const struct route *r)
{
	size_t at = place(all, r->key);
	bool there = at < all->n && strcmp(all->v[at].key, r->key) == 0;

	if (r->hosts.n > 0) {
		route_copy(there ? &all->v[at] : insert(all, at), r);
	} else if (there) {
		route_release(&all->v[at]);
		memmove(&all->v[at], &all->v[at + 1],
		    (--all->n - at) * sizeof(*all->v));
	}
}

/* ---- on disk ---- */

static int
path_of(const char *key, struct buf *path, struct err *err)
{
	if (conf_state_path(path, "routes", err) < 0)
		return -1;
	if (key != NULL)
		buf_addf(path, "/%s.json", key);
	return 0;
}

static int
strings(const json_t *list, struct strvec *out)
{
	const json_t *v;
	size_t i;

	if (!json_is_array(list))
		return -1;
	json_array_foreach(list, i, v) {
		if (!json_is_string(v))
			return -1;
		strvec_add(out, json_string_value(v));
	}
	return 0;
}

static int
decode(const json_t *doc, const char *key, const char *path, struct route *r,
    struct err *err)
{
	const char *deployment = json_str(doc, "deployment", NULL);

	if (json_int(doc, "version", 0) == 1 && deployment != NULL) {
		route_set(r, key, deployment);
		if (strings(json_at(doc, "hosts"), &r->hosts) == 0 &&
		    strings(json_at(doc, "targets"), &r->addrs) == 0)
			return route_valid(r, err) < 0
				   ? err_wrap(err, "%s", path)
				   : 0;
	}
	return err_set(err, EX_DATAERR, "bad-route-file",
	    "%s: not a route file", path);
}

int
routes_read(const char *key, struct route *r, struct err *err)
{
	auto_buf struct buf path = { 0 }, text = { 0 };
	json_auto_t *doc = NULL;
	int got;

	route_release(r);
	if (path_of(key, &path, err) < 0)
		return -1;
	if ((got = io_read_maybe(path.data, FILE_MAX, &text, err)) <= 0)
		return got;
	doc = json_parse(buf_str(&text), text.len, path.data, err);
	if (doc == NULL || decode(doc, key, path.data, r, err) < 0) {
		route_release(r);
		err->code = "bad-route-file";
		return err_hint(err, "%s", cure);
	}
	return 1;
}

static json_t *
encode(const struct route *r)
{
	size_t n = strcspn(r->key, ".");
	char at[CLOCK_TEXT];

	clock_now_text(at);
	return json_pack("{s:i, s:s%, s:s, s:s, s:o, s:o, s:s}", "version", 1,
	    "project", r->key, n, "environment", r->key + n + 1, "deployment",
	    r->deployment, "hosts", json_strvec(&r->hosts), "targets",
	    json_strvec(&r->addrs), "updated_at", at);
}

int
routes_write(const struct route *r, struct err *err)
{
	auto_buf struct buf path = { 0 }, text = { 0 };
	json_auto_t *doc = NULL;

	if (path_of(r->key, &path, err) < 0)
		return -1;
	if (r->hosts.n == 0)
		return io_remove(path.data, err);
	doc = encode(r);
	json_write(&text, doc, JSON_INDENT(2));
	buf_addc(&text, '\n');
	return io_replace(path.data, 0600, text.data, text.len, err);
}

/* "app.production.json" gives the key; other names are not ours. */
static bool
key_of(const char *name, struct buf *key)
{
	buf_clear(key);
	if (name[0] == '.' || !text_ends(name, ".json"))
		return false;
	buf_add(key, name, strlen(name) - 5);
	return strchr(buf_str(key), '.') != NULL;
}

/* Whatever in a bad file looks like an address: it may be in use. */
static void
scan(const char *key, struct strvec *addrs)
{
	auto_buf struct buf path = { 0 }, text = { 0 };
	struct err ignored = { 0 };
	const char *s;

	if (path_of(key, &path, &ignored) < 0 ||
	    io_read_maybe(path.data, FILE_MAX, &text, &ignored) <= 0)
		return;
	for (s = buf_str(&text); *s != '\0';) {
		size_t n = strspn(s, "0123456789.:");
		auto_free char *word = mem_strndup(s, n);

		if (addr_ok(word))
			strvec_add(addrs, word);
		s += n > 0 ? n : 1;
	}
}

static void
add_bad(struct routes *all, const char *key, const char *why)
{
	size_t n = all->why.n;

	all->bad = mem_realloc(all->bad, n + 1, sizeof(*all->bad));
	all->bad[n] = (struct route){ 0 };
	route_set(&all->bad[n], key, "");
	scan(key, &all->bad[n].addrs);
	strvec_add(&all->why, why);
}

int
routes_load(struct routes *all, struct err *err)
{
	auto_buf struct buf dir = { 0 }, key = { 0 };
	struct dirent *e;
	DIR *d;

	routes_release(all);
	if (path_of(NULL, &dir, err) < 0)
		return -1;
	if ((d = opendir(dir.data)) == NULL)
		return err_sys(err, EX_OSERR, "cannot-open", "%s", dir.data);
	while ((e = readdir(d)) != NULL) {
		auto_route struct route r = { 0 };
		struct err why = { 0 };

		if (!key_of(e->d_name, &key))
			continue;
		if (routes_read(key.data, &r, &why) < 0)
			add_bad(all, key.data, why.msg);
		else if (r.key != NULL)
			routes_set(all, &r);
	}
	(void)closedir(d);
	return 0;
}

void
routes_warn(const struct routes *all)
{
	for (size_t i = 0; i < all->why.n; i++)
		log_warn("%s: left out; %s", all->why.v[i], cure);
}

int
routes_good(const struct routes *all, const char *key, struct err *err)
{
	for (size_t i = 0; i < all->why.n; i++) {
		if (strcmp(all->bad[i].key, key) != 0)
			continue;
		err_set(err, EX_DATAERR, "bad-route-file", "%s", all->why.v[i]);
		return err_hint(err, "%s", cure);
	}
	return 0;
}
