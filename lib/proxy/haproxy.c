/*
 * haproxy - switches through the runtime API, so a normal deploy reloads
 * nothing and closes nothing.
 *
 * HAProxy 2.6 cannot make backends while it runs, so haproxy.cfg has more of
 * them than there are routes: slots, rcn-001 and on.  Two map files lead from
 * a host to its route's key and from the key to its slot; a new project takes
 * a free slot by an entry in each.  A slot's servers are named
 * DEPLOYMENT:ADDRESS, so a name never means two things, and the running proxy
 * can be asked who serves.  All three files say what the running one was
 * told, so that a restart begins where it ended.
 *
 * The description in `show info` is a hash of what only a reload changes
 * (listening addresses, certificates, the number of slots).
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/log.h"
#include "base/text.h"
#include "proxy/haproxy_stat.h"
#include "proxy/ops.h"
#include "proxy/talk.h"

enum {
	SLOTS = 64, /* at least, and the step by which they grow */
	SPARE = 16, /* free ones after a sync, at least */
	LINE_MAX_BYTES = 8000, /* half of what the command line takes */
	RELOAD_MS = 15000,
};

/* ---- what the running one says ---- */

struct server {
	char *slot, *name, *addr;
	bool ready; /* takes new requests */
	int64_t busy;
};

struct view {
	struct strvec hosts, owners; /* hosts.map: a host, its key */
	struct strvec keys, slots; /* routes.map: a key, its slot */
	struct strvec backends; /* all slots there are */
	struct server *server;
	size_t nserver;
};

#define auto_view AUTO(view_release)

static void
view_release(struct view *v)
{
	strvec_release(&v->hosts);
	strvec_release(&v->owners);
	strvec_release(&v->keys);
	strvec_release(&v->slots);
	strvec_release(&v->backends);
	for (size_t i = 0; i < v->nserver; i++) {
		free(v->server[i].slot);
		free(v->server[i].name);
		free(v->server[i].addr);
	}
	free(v->server);
}

static int
ask(struct proxy *p, const char *command, struct buf *answer, struct err *err)
{
	buf_clear(answer);
	log_debug("haproxy < %s", command);
	if (talk_unix(p->url, command, answer, err) == 0)
		return 0;
	if (err->status == EX_UNAVAILABLE)
		err_hint(err, "start HAProxy: rcn-proxy up, or see "
			      "rcn-route(1)");
	return err_wrap(err, "haproxy");
}

/* Lines "0x55ebdc27daa0 KEY VALUE", or of a file, "KEY VALUE". */
static void
map_lines(char *text, size_t skip, struct strvec *keys, struct strvec *values)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *key = line, *value;

		for (size_t i = 0; i < skip && key != NULL; i++)
			(void)strsep(&key, " ");
		value = key;
		if (key == NULL || strsep(&value, " ") == NULL ||
		    value == NULL || *key == '\0')
			continue;
		strvec_add(keys, key);
		strvec_add(values, value);
	}
}

static int
ask_map(struct proxy *p, const char *name, struct strvec *keys,
    struct strvec *values, struct err *err)
{
	auto_free char *command = mem_printf("show map %s/%s", p->dir, name);
	auto_buf struct buf answer = { 0 };

	if (ask(p, command, &answer, err) < 0)
		return -1;
	if (strstr(buf_str(&answer), "Unknown map") != NULL) {
		err_set(err, EX_CONFIG, "proxy-config",
		    "haproxy: runs without %s/%s", p->dir, name);
		return err_hint(err, "start it from %s/haproxy.cfg", p->dir);
	}
	if (answer.len > 0)
		map_lines(answer.data, 1, keys, values);
	return 0;
}

static void
add_row(const struct haproxy_stat *st, void *ctx)
{
	struct view *v = ctx;
	struct server *s;

	if (!text_starts(st->backend, "rcn-"))
		return;
	if (strcmp(st->server, "BACKEND") == 0) {
		strvec_add(&v->backends, st->backend);
		return;
	}
	if (strcmp(st->server, "FRONTEND") == 0)
		return;
	if ((v->nserver & (v->nserver - 1)) == 0)
		v->server = mem_realloc(v->server,
		    v->nserver == 0 ? 1 : v->nserver * 2, sizeof(*s));
	s = &v->server[v->nserver++];
	s->slot = mem_strdup(st->backend);
	s->name = mem_strdup(st->server);
	s->addr = mem_strdup(st->addr);
	s->ready = !text_starts(st->status, "DRAIN") &&
		   !text_starts(st->status, "MAINT");
	s->busy = st->scur;
}

static int
ask_servers(struct proxy *p, struct view *v, struct err *err)
{
	auto_buf struct buf answer = { 0 };

	if (ask(p, "show stat", &answer, err) < 0)
		return -1;
	buf_addc(&answer, '\n');
	return haproxy_stat_read(answer.data, add_row, v, err);
}

static int
look(struct proxy *p, struct view *v, struct err *err)
{
	if (ask_map(p, "hosts.map", &v->hosts, &v->owners, err) < 0 ||
	    ask_map(p, "routes.map", &v->keys, &v->slots, err) < 0)
		return -1;
	return ask_servers(p, v, err);
}

static const char *
find(const struct strvec *keys, const struct strvec *values, const char *key)
{
	for (size_t i = 0; i < keys->n; i++)
		if (strcmp(keys->v[i], key) == 0)
			return values->v[i];
	return NULL;
}

/* The description that our haproxy.cfg gave it: "rcn-HASH". */
static int
ask_structure(struct proxy *p, char hash[17], struct err *err)
{
	auto_buf struct buf answer = { 0 };
	const char *at;

	if (ask(p, "show info", &answer, err) < 0)
		return -1;
	at = strstr(buf_str(&answer), "\ndescription: rcn-");
	if (at == NULL || strlen(at) < 18 + 16) {
		err_set(err, EX_CONFIG, "proxy-config",
		    "haproxy: the one at %s does not run from our files",
		    p->url);
		return err_hint(err, "start it from %s/haproxy.cfg", p->dir);
	}
	memcpy(hash, at + 18, 16);
	hash[16] = '\0';
	return 0;
}

static int
haproxy_check(struct proxy *p, struct err *err)
{
	char hash[17];

	return ask_structure(p, hash, err);
}

/* ---- the files ---- */

/* owner->v[i] is the key that has slot i + 1, or "". */
static void
slot_name(struct buf *b, size_t i)
{
	buf_addf(b, "rcn-%03zu", i + 1);
}

static size_t
slot_index(const char *name)
{
	struct err ignored = { 0 };
	uint64_t n = 0;

	while (*name != '\0' && (*name < '1' || *name > '9'))
		name++;
	return parse_u64(name, 1, 1000000, &n, &ignored) == 0 ? (size_t)n - 1
							      : SIZE_MAX;
}

static void
own(struct strvec *owner, size_t i, const char *key)
{
	while (owner->n <= i)
		strvec_add(owner, "");
	free(owner->v[i]);
	owner->v[i] = mem_strdup(key);
}

static size_t
owned_slot(const struct strvec *owner, const char *key)
{
	size_t i = 0;

	while (i < owner->n && strcmp(owner->v[i], key) != 0)
		i++;
	return i;
}

static bool
has_servers(const struct view *v, const char *slot)
{
	for (size_t i = 0; i < v->nserver; i++)
		if (strcmp(v->server[i].slot, slot) == 0)
			return true;
	return false;
}

/* Who has which slot: the running one's word, else what the file says. */
static int
owners(struct proxy *p, const struct view *v, struct strvec *owner,
    struct err *err)
{
	auto_strvec struct strvec keys = { 0 }, slots = { 0 };
	auto_free char *path = mem_printf("%s/routes.map", p->dir);
	auto_buf struct buf text = { 0 };
	const struct strvec *k = v != NULL ? &v->keys : &keys;
	const struct strvec *s = v != NULL ? &v->slots : &slots;

	if (v == NULL) {
		if (io_read_maybe(path, TALK_MAX, &text, err) < 0)
			return -1;
		if (text.len > 0)
			map_lines(text.data, 0, &keys, &slots);
	}
	for (size_t i = 0; i < k->n; i++) {
		size_t at = slot_index(s->v[i]);

		if (at < 100000)
			own(owner, at, k->v[i]);
	}
	return 0;
}

/*
 * Slots for all routes: theirs, else the lowest free one.  A slot that still
 * drains somebody else's servers is not free.  Who has no route has no slot.
 */
static void
assign(const struct routes *all, const struct view *v, struct strvec *owner)
{
	for (size_t i = 0; i < owner->n; i++)
		if (routes_find(all, owner->v[i]) == NULL)
			own(owner, i, "");
	for (size_t r = 0; r < all->n; r++) {
		auto_buf struct buf name = { 0 };
		size_t i;

		if (owned_slot(owner, all->v[r].key) < owner->n)
			continue;
		for (i = 0; i < owner->n; i++) {
			buf_clear(&name);
			slot_name(&name, i);
			if (owner->v[i][0] == '\0' &&
			    (v == NULL || !has_servers(v, name.data)))
				break;
		}
		own(owner, i, all->v[r].key);
	}
}

static size_t
slot_count(const struct strvec *owner, const struct view *v, size_t spare)
{
	size_t used = owner->n, n;

	while (used > 0 && owner->v[used - 1][0] == '\0')
		used--;
	n = (used + spare + SLOTS - 1) / SLOTS * SLOTS;
	if (v != NULL && n < v->backends.n)
		n = v->backends.n;
	return n < SLOTS ? SLOTS : n;
}

/* Words of haproxy.cfg are not quoted, so nothing may need it. */
static int
plain(const char *what, const char *s, struct err *err)
{
	size_t n =
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		      "0123456789/._+@~:*[]-");

	return s[n] == '\0' ? 0
			    : err_set(err, EX_CONFIG, "bad-setting",
				  "%s: %s: a character that haproxy.cfg "
				  "cannot hold",
				  what, s);
}

/* A certificate that was renewed is a reason to reload. */
static int
add_certificates(struct buf *b, struct err *err)
{
	auto_strvec struct strvec pem = { 0 };
	struct stat st;

	if (proxy_listen_tls() == NULL)
		return 0;
	if (plain("RCN_TLS_DIR", proxy_tls_dir(), err) < 0 ||
	    plain("RCN_HTTPS", proxy_listen_tls(), err) < 0 ||
	    proxy_certificates(&pem, err) < 0)
		return -1;
	for (size_t i = 0; i < pem.n; i++)
		if (stat(pem.v[i], &st) == 0)
			buf_addf(b, "\t# %s %lld %lld.%09ld\n", pem.v[i],
			    (long long)st.st_size, (long long)st.st_mtim.tv_sec,
			    st.st_mtim.tv_nsec);
	if (pem.n > 0)
		buf_addf(b,
		    "\tbind %s ssl crt %s alpn h2,http/1.1 "
		    "ssl-min-ver TLSv1.2\n",
		    proxy_listen_tls(), proxy_tls_dir());
	return 0;
}

static int
add_front(struct proxy *p, struct buf *b, struct err *err)
{
	if (plain("RCN_HTTP", proxy_listen(), err) < 0 ||
	    plain("RCN_PROXY_DIR", p->dir, err) < 0 ||
	    plain("RCN_PROXY_URL", p->url, err) < 0)
		return -1;
	buf_addf(b,
	    "\tstats socket %s mode 600 level admin expose-fd listeners\n"
	    "\tfd-hard-limit 65536\n",
	    p->url);
	if (geteuid() == 0 && getpwnam("haproxy") != NULL)
		buf_adds(b, "\tuser haproxy\n\tgroup haproxy\n");
	buf_adds(b, "\ndefaults\n"
		    "\tmode http\n"
		    "\tbalance leastconn\n"
		    "\toption forwardfor\n"
		    "\toption redispatch\n"
		    "\tretries 3\n"
		    "\tretry-on conn-failure empty-response\n"
		    "\ttimeout connect 5s\n"
		    "\ttimeout client 5m\n"
		    "\ttimeout server 5m\n"
		    "\ttimeout http-request 30s\n"
		    "\ttimeout http-keep-alive 75s\n"
		    "\ttimeout tunnel 24h\n"
		    "\thttp-error status 503 content-type text/plain string "
		    "\"503: no instance serves this host at the moment\\n\" "
		    "hdr Retry-After 5\n"
		    "\nfrontend rcn\n");
	buf_addf(b, "\tbind %s\n", proxy_listen());
	if (add_certificates(b, err) < 0)
		return -1;
	buf_adds(b,
	    "\thttp-request disable-l7-retry unless "
	    "{ method GET HEAD OPTIONS }\n"
	    "\thttp-request del-header X-Forwarded-For\n"
	    "\thttp-request set-header X-Forwarded-Proto http\n"
	    "\thttp-request set-header X-Forwarded-Proto https "
	    "if { ssl_fc }\n"
	    "\thttp-request set-header X-Forwarded-Host %[req.hdr(host)]\n"
	    "\thttp-request set-header X-Forwarded-Port %[dst_port]\n");
	buf_addf(b,
	    "\tuse_backend %%[req.hdr(host),host_only,rtrim(.),lower,"
	    "map(%s/hosts.map),map(%s/routes.map)]\n",
	    p->dir, p->dir);
	buf_adds(b, "\tdefault_backend unknown\n"
		    "\nbackend unknown\n"
		    "\thttp-request return status 404 content-type text/plain "
		    "string \"404: no such host here\\n\"\n");
	return 0;
}

static void
add_slots(struct buf *b, const struct routes *all, const struct strvec *owner,
    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct route *r =
		    i < owner->n ? routes_find(all, owner->v[i]) : NULL;

		buf_adds(b, "\nbackend ");
		slot_name(b, i);
		buf_addc(b, '\n');
		if (r == NULL)
			continue;
		buf_addf(b, "\t# %s\n", r->key);
		for (size_t k = 0; k < r->addrs.n; k++)
			buf_addf(b, "\tserver %s:%s %s\n", r->deployment,
			    r->addrs.v[k], r->addrs.v[k]);
	}
}

static int
write_maps(struct proxy *p, const struct routes *all,
    const struct strvec *owner, struct err *err)
{
	auto_buf struct buf hosts = { 0 }, routes = { 0 };

	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < all->v[i].hosts.n; k++)
			buf_addf(&hosts, "%s %s\n", all->v[i].hosts.v[k],
			    all->v[i].key);
	for (size_t i = 0; i < owner->n; i++) {
		if (owner->v[i][0] == '\0')
			continue;
		buf_addf(&routes, "%s ", owner->v[i]);
		slot_name(&routes, i);
		buf_addc(&routes, '\n');
	}
	if (proxy_file(p, "hosts.map", &hosts, err) < 0)
		return -1;
	return proxy_file(p, "routes.map", &routes, err);
}

/* hash: of all that only a reload changes. */
static int
write_files(struct proxy *p, const struct routes *all,
    const struct strvec *owner, size_t slots, char hash[17], struct err *err)
{
	auto_buf struct buf front = { 0 }, text = { 0 };
	char hex[SHA256_HEX];
	struct sha256 sha;

	if (add_front(p, &front, err) < 0)
		return -1;
	sha256_begin(&sha);
	sha256_text(&sha, front.data);
	sha256_field(&sha, &slots, sizeof(slots));
	sha256_end_hex(&sha, hex);
	memcpy(hash, hex, 16);
	hash[16] = '\0';
	buf_addf(&text,
	    "# Written by rcn-route: changes are lost; see rcn-route(1).\n"
	    "global\n\tdescription rcn-%s\n",
	    hash);
	buf_add(&text, front.data, front.len);
	add_slots(&text, all, owner, slots);
	if (write_maps(p, all, owner, err) < 0)
		return -1;
	return proxy_file(p, "haproxy.cfg", &text, err);
}

/* ---- telling it ---- */

/* Sends the commands gathered; any answer but the expected is an error. */
static int
flush(struct proxy *p, struct buf *line, struct err *err)
{
	auto_buf struct buf answer = { 0 };
	char *part, *rest;

	if (line->len == 0)
		return 0;
	if (ask(p, line->data, &answer, err) < 0)
		return -1;
	buf_clear(line);
	buf_addc(&answer, '\n');
	rest = answer.data;
	while ((part = strsep(&rest, "\n")) != NULL)
		if (*part != '\0' &&
		    strcmp(part, "New server registered.") != 0 &&
		    strcmp(part, "Server deleted.") != 0)
			return err_set(err, EX_PROTOCOL, "proxy-refused",
			    "haproxy: %s", part);
	return 0;
}

static int say(struct proxy *, struct buf *, struct err *, const char *, ...)
    ERR_FMT(4, 5);

/* Commands of one line run together: nothing comes between them. */
static int
say(struct proxy *p, struct buf *line, struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (line->len > LINE_MAX_BYTES && flush(p, line, err) < 0)
		return -1;
	if (line->len > 0)
		buf_adds(line, "; ");
	va_start(ap, fmt);
	buf_vaddf(line, fmt, ap);
	va_end(ap);
	return 0;
}

static const struct server *
server_of(const struct view *v, const char *slot, const char *name)
{
	for (size_t i = 0; i < v->nserver; i++)
		if (strcmp(v->server[i].slot, slot) == 0 &&
		    strcmp(v->server[i].name, name) == 0)
			return &v->server[i];
	return NULL;
}

/* New in, old out, in one line. */
static int
tell_servers(struct proxy *p, const struct view *v, const char *slot,
    const struct route *r, struct buf *line, struct err *err)
{
	auto_strvec struct strvec names = { 0 };

	for (size_t i = 0; i < r->addrs.n; i++) {
		const struct server *s;
		const char *name;

		strvec_addf(&names, "%s:%s", r->deployment, r->addrs.v[i]);
		name = names.v[i];
		s = server_of(v, slot, name);
		if (s == NULL && say(p, line, err,
				     "add server %s/%s %s; enable server %s/%s",
				     slot, name, r->addrs.v[i], slot, name) < 0)
			return -1;
		if (s != NULL && !s->ready &&
		    say(p, line, err, "set server %s/%s state ready", slot,
			name) < 0)
			return -1;
	}
	for (size_t i = 0; i < v->nserver; i++) {
		const struct server *s = &v->server[i];

		if (strcmp(s->slot, slot) == 0 && s->ready &&
		    !strvec_has(&names, s->name) &&
		    say(p, line, err, "set server %s/%s state drain", slot,
			s->name) < 0)
			return -1;
	}
	return 0;
}

static int
tell_entry(struct proxy *p, const char *map, const char *key, const char *now,
    const char *value, struct buf *line, struct err *err)
{
	if (now != NULL && strcmp(now, value) == 0)
		return 0;
	return say(p, line, err, "%s map %s/%s %s %s",
	    now == NULL ? "add" : "set", p->dir, map, key, value);
}

/* Hosts that the route has no more, then those that it has. */
static int
tell_hosts(struct proxy *p, const struct view *v, const struct route *r,
    struct buf *line, struct err *err)
{
	for (size_t i = 0; i < v->hosts.n; i++)
		if (strcmp(v->owners.v[i], r->key) == 0 &&
		    !strvec_has(&r->hosts, v->hosts.v[i]) &&
		    say(p, line, err, "del map %s/hosts.map %s", p->dir,
			v->hosts.v[i]) < 0)
			return -1;
	for (size_t i = 0; i < r->hosts.n; i++)
		if (tell_entry(p, "hosts.map", r->hosts.v[i],
			find(&v->hosts, &v->owners, r->hosts.v[i]), r->key,
			line, err) < 0)
			return -1;
	return 0;
}

static int
tell(struct proxy *p, const struct view *v, const struct strvec *owner,
    const struct route *r, struct err *err)
{
	const char *now = find(&v->keys, &v->slots, r->key);
	auto_buf struct buf line = { 0 }, slot = { 0 };
	struct route gone = { .key = r->key };

	if (r->hosts.n > 0) {
		slot_name(&slot, owned_slot(owner, r->key));
		if (tell_servers(p, v, slot.data, r, &line, err) < 0 ||
		    tell_entry(p, "routes.map", r->key, now, slot.data, &line,
			err) < 0 ||
		    tell_hosts(p, v, r, &line, err) < 0)
			return -1;
	} else if (tell_hosts(p, v, &gone, &line, err) < 0 ||
		   (now != NULL &&
		       (say(p, &line, err, "del map %s/routes.map %s", p->dir,
			    r->key) < 0 ||
			   tell_servers(p, v, now, &gone, &line, err) < 0))) {
		return -1;
	}
	return flush(p, &line, err);
}

/* Servers that nothing is sent to and that have nothing left to do. */
static int
drop_idle(struct proxy *p, const struct view *v, const char *slot,
    struct err *err)
{
	for (size_t i = 0; i < v->nserver; i++) {
		const struct server *s = &v->server[i];
		auto_buf struct buf line = { 0 };
		struct err kept = { 0 };

		if (s->ready || s->busy > 0 || strcmp(s->slot, slot) != 0)
			continue;
		if (say(p, &line, err,
			"set server %s/%s state maint; del server %s/%s", slot,
			s->name, slot, s->name) < 0)
			return -1;
		if (flush(p, &line, &kept) < 0)
			log_debug("%s/%s stays: %s", slot, s->name, kept.msg);
	}
	return 0;
}

static int
haproxy_clean(struct proxy *p, const char *key, struct err *err)
{
	auto_view struct view v = { 0 };

	if (look(p, &v, err) < 0)
		return -1;
	for (size_t i = 0; i < v.backends.n; i++) {
		const char *owner = find(&v.slots, &v.keys, v.backends.v[i]);

		if ((owner == NULL || strcmp(owner, key) == 0) &&
		    drop_idle(p, &v, v.backends.v[i], err) < 0)
			return -1;
	}
	return 0;
}

/* A new worker with the new files; connections are handed over. */
static int
reload(struct proxy *p, const char *hash, struct err *err)
{
	auto_free char *master = mem_printf("%s.master", p->url);
	int64_t end = clock_ms() + RELOAD_MS;
	auto_buf struct buf answer = { 0 };

	log_info("haproxy: reload");
	if (talk_unix(master, "reload", &answer, err) < 0) {
		err_hint(err, "start it with -S %s", master);
		return err_wrap(err, "haproxy: reload");
	}
	while (clock_ms() < end) {
		struct err later = { 0 };
		char now[17] = "";

		if (ask_structure(p, now, &later) == 0 &&
		    strcmp(now, hash) == 0)
			return 0;
		if (clock_sleep_ms(10, err) < 0)
			return -1;
	}
	err_set(err, EX_CONFIG, "proxy-refused",
	    "haproxy: does not take %s/haproxy.cfg", p->dir);
	return err_hint(err, "haproxy -c -f %s/haproxy.cfg says why", p->dir);
}

static int
haproxy_put(struct proxy *p, const struct routes *all, const struct route *r,
    struct err *err)
{
	auto_view struct view v = { 0 };
	auto_strvec struct strvec owner = { 0 };
	char hash[17];
	size_t slots;

	if (look(p, &v, err) < 0 || owners(p, &v, &owner, err) < 0)
		return -1;
	assign(all, &v, &owner);
	slots = slot_count(&owner, &v, 0);
	if (write_files(p, all, &owner, slots, hash, err) < 0)
		return -1;
	if (slots > v.backends.n)
		return reload(p, hash, err);
	return tell(p, &v, &owner, r, err);
}

static int
haproxy_get(struct proxy *p, const char *key, struct route *r, struct err *err)
{
	auto_view struct view v = { 0 };
	const char *slot;

	if (look(p, &v, err) < 0)
		return -1;
	for (size_t i = 0; i < v.hosts.n; i++)
		if (strcmp(v.owners.v[i], key) == 0)
			strvec_add(&r->hosts, v.hosts.v[i]);
	slot = find(&v.keys, &v.slots, key);
	for (size_t i = 0; slot != NULL && i < v.nserver; i++) {
		const struct server *s = &v.server[i];

		if (strcmp(s->slot, slot) != 0 || !s->ready)
			continue;
		free(r->deployment);
		r->deployment = mem_strndup(s->name, strcspn(s->name, ":"));
		strvec_add(&r->addrs, s->addr);
	}
	return 0;
}

static int
haproxy_busy(struct proxy *p, const char *addr, int64_t *n, struct err *err)
{
	auto_view struct view v = { 0 };

	if (ask_servers(p, &v, err) < 0)
		return -1;
	*n = 0;
	for (size_t i = 0; i < v.nserver; i++)
		if (strcmp(v.server[i].addr, addr) == 0)
			*n += v.server[i].busy;
	return 0;
}

static void
take_counts(const struct haproxy_stat *st, void *ctx)
{
	struct proxy_counts *c = ctx;

	if (strcmp(st->server, "BACKEND") == 0) {
		c->requests = st->requests;
		c->errors = st->errors;
	}
}

static int
haproxy_counts(struct proxy *p, const char *key, struct proxy_counts *c,
    struct err *err)
{
	auto_strvec struct strvec keys = { 0 }, slots = { 0 };
	auto_buf struct buf answer = { 0 };
	auto_free char *command = NULL;
	const char *slot;

	if (ask_map(p, "routes.map", &keys, &slots, err) < 0)
		return -1;
	if ((slot = find(&keys, &slots, key)) == NULL)
		return 0;
	command = mem_printf("show stat %s 2 -1", slot);
	if (ask(p, command, &answer, err) < 0)
		return -1;
	buf_addc(&answer, '\n');
	return haproxy_stat_read(answer.data, take_counts, c, err);
}

/* Hosts that lead elsewhere than the truth says, and routes that are none. */
static int
tell_gone(struct proxy *p, const struct routes *all, const struct view *v,
    struct err *err)
{
	auto_buf struct buf line = { 0 };

	for (size_t i = 0; i < v->hosts.n; i++) {
		const struct route *r = routes_owner(all, v->hosts.v[i]);

		if ((r == NULL || strcmp(r->key, v->owners.v[i]) != 0) &&
		    say(p, &line, err, "del map %s/hosts.map %s", p->dir,
			v->hosts.v[i]) < 0)
			return -1;
	}
	for (size_t i = 0; i < v->keys.n; i++) {
		struct route gone = { .key = v->keys.v[i] };

		if (routes_find(all, gone.key) == NULL &&
		    (say(p, &line, err, "del map %s/routes.map %s", p->dir,
			 gone.key) < 0 ||
			tell_servers(p, v, v->slots.v[i], &gone, &line, err) <
			    0))
			return -1;
	}
	return flush(p, &line, err);
}

static int
reconcile(struct proxy *p, const struct routes *all, const struct view *v,
    const struct strvec *owner, struct err *err)
{
	auto_view struct view now = { 0 };

	if (tell_gone(p, all, v, err) < 0 || look(p, &now, err) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++)
		if (tell(p, &now, owner, &all->v[i], err) < 0)
			return -1;
	return 0;
}

static int
haproxy_sync(struct proxy *p, const struct routes *all, struct err *err)
{
	auto_view struct view v = { 0 };
	auto_strvec struct strvec owner = { 0 };
	char hash[17], now[17] = "";
	struct err down = { 0 };
	bool runs = ask_structure(p, now, &down) == 0;

	if (!runs && down.status != EX_UNAVAILABLE) {
		*err = down;
		return -1;
	}
	if (runs && look(p, &v, err) < 0)
		return -1;
	if (owners(p, runs ? &v : NULL, &owner, err) < 0)
		return -1;
	assign(all, runs ? &v : NULL, &owner);
	if (write_files(p, all, &owner,
		slot_count(&owner, runs ? &v : NULL, SPARE), hash, err) < 0)
		return -1;
	if (!runs)
		return 0;
	if (strcmp(now, hash) != 0)
		return reload(p, hash, err) < 0 ? -1 : 1;
	return reconcile(p, all, &v, &owner, err) < 0 ? -1 : 1;
}

static void
haproxy_command(struct proxy *p, struct buf *b)
{
	auto_free char *cfg = mem_printf("%s/haproxy.cfg", p->dir);
	auto_free char *master = mem_printf("%s.master,mode,600", p->url);

	proxy_word(b, "-W");
	proxy_word(b, "-S");
	proxy_word(b, master);
	proxy_word(b, "-f");
	proxy_word(b, cfg);
}

const struct proxy_ops haproxy_ops = {
	.name = "haproxy",
	.can = {
		.least_version = "2.6",
		.tls_given = true,
		.survives_restart = true,
		.keeps_websockets = true,
		.counts_in_flight = true,
		.counts_requests = true,
	},
	.check = haproxy_check,
	.put = haproxy_put,
	.get = haproxy_get,
	.busy = haproxy_busy,
	.counts = haproxy_counts,
	.clean = haproxy_clean,
	.sync = haproxy_sync,
	.command = haproxy_command,
};
