#include "proxy/proxy.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/text.h"
#include "proxy/ops.h"
#include "proxy/talk.h"

enum { LOCK_MS = 30000, PROVE_MS = 5000 };

static const struct proxy_ops *const proxies[] = { &haproxy_ops, &traefik_ops,
	NULL };

/* ---- settings ---- */

static const char *
set_or_null(const char *name)
{
	const char *v = conf_get(name, NULL);

	return v != NULL && *v != '\0' ? v : NULL;
}

const char *
proxy_listen(void)
{
	return conf_get("HTTP", "127.0.0.1:80");
}

const char *
proxy_tls_dir(void)
{
	return set_or_null("TLS_DIR");
}

const char *
proxy_listen_tls(void)
{
	return proxy_tls_dir() == NULL ? NULL : conf_get("HTTPS", ":443");
}

void
proxy_http(struct buf *b)
{
	const char *listen = proxy_listen();

	if (listen[0] == ':' || text_starts(listen, "*:"))
		buf_addf(b, "127.0.0.1%s", strchr(listen, ':'));
	else
		buf_adds(b, listen);
}

void
proxy_word(struct buf *b, const char *word)
{
	if (b->len > 0)
		buf_addc(b, ' ');
	buf_addc(b, '\'');
	for (; *word != '\0'; word++)
		if (*word == '\'')
			buf_adds(b, "'\\''");
		else
			buf_addc(b, *word);
	buf_addc(b, '\'');
}

int
proxy_open(struct proxy **out, struct err *err)
{
	const char *name = conf_get("PROXY", "haproxy");
	const char *dir = set_or_null("PROXY_DIR");
	auto_buf struct buf path = { 0 };
	const struct proxy_ops *ops = NULL;

	for (size_t i = 0; proxies[i] != NULL; i++)
		if (strcmp(proxies[i]->name, name) == 0)
			ops = proxies[i];
	if (ops == NULL) {
		err_set(err, EX_CONFIG, "unknown-proxy", "RCN_PROXY: %s", name);
		return err_hint(err, "haproxy or traefik");
	}
	if (dir == NULL ? conf_state_path(&path, "proxy", err) < 0
			: io_mkdirs(dir, 0700, err) < 0)
		return -1;
	*out = mem_zalloc(1, sizeof(**out));
	(*out)->ops = ops;
	(*out)->dir = realpath(dir != NULL ? dir : path.data, NULL);
	if ((*out)->dir == NULL)
		mem_out();
	if (set_or_null("PROXY_URL") != NULL)
		(*out)->url = mem_strdup(conf_get("PROXY_URL", NULL));
	else if (ops->url != NULL)
		(*out)->url = mem_strdup(ops->url);
	else
		(*out)->url = mem_printf("%s/%s.sock", conf_run_dir(), name);
	return 0;
}

void
proxy_close(struct proxy *p)
{
	if (p == NULL)
		return;
	free(p->url);
	free(p->dir);
	free(p);
}

const char *
proxy_name(const struct proxy *p)
{
	return p->ops->name;
}

const struct proxy_can *
proxy_can(const struct proxy *p)
{
	return &p->ops->can;
}

int
proxy_file(struct proxy *p, const char *name, const struct buf *text,
    struct err *err)
{
	auto_free char *path = mem_printf("%s/%s", p->dir, name);
	auto_buf struct buf old = { 0 };
	struct err ignored = { 0 };

	if (io_read_maybe(path, text->len, &old, &ignored) == 1 &&
	    old.len == text->len &&
	    memcmp(buf_str(&old), buf_str(text), old.len) == 0)
		return 0;
	return io_replace(path, 0600, buf_str(text), text->len, err);
}

/* ---- what all proxies share ---- */

static int
lock_all(int *fd, struct err *err)
{
	auto_buf struct buf path = { 0 };

	if (conf_run_path(&path, "", err) < 0)
		return -1;
	while (path.len > 1 && path.data[path.len - 1] == '/')
		buf_cut(&path, path.len - 1);
	buf_adds(&path, "/routes.lock");
	return io_lock(path.data, LOCK_MS, fd, err);
}

static int
check_hosts(const struct routes *all, const struct route *r, struct err *err)
{
	for (size_t i = 0; i < r->hosts.n; i++) {
		const struct route *owner = routes_owner(all, r->hosts.v[i]);

		if (owner == NULL || strcmp(owner->key, r->key) == 0)
			continue;
		err_set(err, EX_CONFIG, "host-taken", "host %s: belongs to %s",
		    r->hosts.v[i], owner->key);
		return err_hint(err,
		    "give another --host, or withdraw that route first");
	}
	return 0;
}

/*
 * In place of a bad file the running proxy's word stands, so that what it
 * serves goes on, in its files too; --sync makes the file anew from it.
 */
static int
take_word(struct proxy *p, struct routes *all, bool mend, struct err *err)
{
	for (size_t i = 0; i < all->why.n; i++) {
		const char *key = all->bad[i].key;
		auto_route struct route now = { 0 };
		struct err unknown = { 0 };

		if (proxy_get(p, key, &now, &unknown) < 0 || now.hosts.n == 0 ||
		    route_valid(&now, &unknown) < 0)
			continue;
		routes_set(all, &now);
		if (!mend)
			continue;
		if (routes_write(&now, err) < 0)
			return -1;
		log_note("route %s: its file is written anew", key);
	}
	return 0;
}

int
proxy_check(struct proxy *p, const struct route *r, struct err *err)
{
	auto_routes struct routes all = { 0 };

	if ((r != NULL && route_valid(r, err) < 0) ||
	    routes_load(&all, err) < 0)
		return -1;
	routes_warn(&all);
	if (r == NULL)
		return p->ops->check(p, err);
	return routes_good(&all, r->key, err) < 0 ||
		       p->ops->check(p, err) < 0 ||
		       take_word(p, &all, false, err) < 0 ||
		       check_hosts(&all, r, err) < 0
		   ? -1
		   : 0;
}

static int
compare(const struct route *now, const struct route *r, const char *was,
    struct err *err)
{
	if (strcmp(now->deployment, was) == 0 ||
	    strcmp(now->deployment, r->deployment) == 0)
		return 0;
	err_set(err, EX_TEMPFAIL, "route-moved",
	    "route %s: deployment %s serves, not %s: a later deploy has won",
	    r->key, *now->deployment != '\0' ? now->deployment : "none",
	    *was != '\0' ? was : "none");
	return err_hint(err, "deploy again");
}

/* Until the proxy says so too. */
static int
prove(struct proxy *p, const struct route *r, struct err *err)
{
	int64_t began = clock_ms(), past = 0;

	while (past < PROVE_MS) {
		auto_route struct route now = { 0 };

		if (proxy_get(p, r->key, &now, err) < 0)
			return -1;
		if (route_equal(&now, r))
			return 0;
		if (clock_sleep_ms(past < 50 ? 1 : 50, err) < 0)
			return -1;
		past = clock_ms() - began;
	}
	err_set(err, EX_UNAVAILABLE, "proxy-refused",
	    "route %s: %s was told, and does not serve it", r->key,
	    p->ops->name);
	return err_hint(err, "its log says why");
}

/* The route file, then the proxy; if that fails, both as they were. */
static int
change(struct proxy *p, struct routes *all, const struct route *r,
    struct err *err)
{
	const struct route *before = routes_find(all, r->key);
	auto_route struct route old = { 0 };
	struct err again = { 0 };

	if (before != NULL)
		route_copy(&old, before);
	else
		route_set(&old, r->key, "");
	if (routes_write(r, err) < 0)
		return -1;
	routes_set(all, r);
	if (p->ops->put(p, all, r, err) == 0 && prove(p, r, err) == 0)
		return 0;
	stop_hold(true);
	routes_set(all, &old);
	if (routes_write(&old, &again) < 0 ||
	    p->ops->put(p, all, &old, &again) < 0)
		log_warn("route %s: not put back: %s", r->key, again.msg);
	stop_hold(false);
	return -1;
}

int
proxy_put(struct proxy *p, const struct route *r, const char *was,
    struct err *err)
{
	auto_routes struct routes all = { 0 };
	auto_route struct route now = { 0 };
	auto_fd int lock = -1;

	if (route_valid(r, err) < 0 || lock_all(&lock, err) < 0 ||
	    routes_load(&all, err) < 0 ||
	    (r->hosts.n > 0 && routes_good(&all, r->key, err) < 0) ||
	    p->ops->check(p, err) < 0 || take_word(p, &all, false, err) < 0 ||
	    check_hosts(&all, r, err) < 0 ||
	    proxy_get(p, r->key, &now, err) < 0 ||
	    compare(&now, r, was, err) < 0)
		return -1;
	return change(p, &all, r, err);
}

int
proxy_get(struct proxy *p, const char *key, struct route *r, struct err *err)
{
	route_set(r, key, "");
	return p->ops->get(p, key, r, err);
}

int
proxy_busy(struct proxy *p, const char *addr, int64_t *n, struct err *err)
{
	*n = -1;
	return p->ops->busy(p, addr, n, err);
}

int
proxy_counts(struct proxy *p, const char *key, struct proxy_counts *c,
    struct err *err)
{
	c->requests = c->errors = -1;
	return p->ops->counts(p, key, c, err);
}

int
proxy_settle(struct proxy *p, const char *key, struct err *err)
{
	auto_routes struct routes all = { 0 };
	auto_route struct route now = { 0 };
	const struct route *file;
	auto_fd int lock = -1;
	bool agrees;

	if (lock_all(&lock, err) < 0 || p->ops->check(p, err) < 0 ||
	    routes_load(&all, err) < 0 || proxy_get(p, key, &now, err) < 0 ||
	    (now.hosts.n == 0 && routes_good(&all, key, err) < 0))
		return -1;
	file = routes_find(&all, key);
	agrees = file != NULL ? route_equal(file, &now) : now.hosts.n == 0;
	if (take_word(p, &all, false, err) < 0 ||
	    (!agrees && change(p, &all, &now, err) < 0))
		return -1;
	io_sweep(p->dir);
	return p->ops->clean(p, key, err);
}

int
proxy_sync(struct proxy *p, struct err *err)
{
	auto_routes struct routes all = { 0 };
	auto_fd int lock = -1;
	int runs;

	if (lock_all(&lock, err) < 0 || routes_load(&all, err) < 0)
		return -1;
	routes_warn(&all);
	if (take_word(p, &all, true, err) < 0)
		return -1;
	runs = p->ops->sync(p, &all, err);
	for (size_t i = 0; runs == 1 && i < all.n; i++)
		if (prove(p, &all.v[i], err) < 0)
			return -1;
	return runs;
}

void
proxy_command(struct proxy *p, struct buf *b)
{
	const char *program = set_or_null("PROXY_PROGRAM");

	proxy_word(b, program != NULL ? program : p->ops->name);
	p->ops->command(p, b);
}

int
proxy_probe(const char *host, const char *path, int64_t timeout_ms, int *status,
    struct err *err)
{
	auto_buf struct buf addr = { 0 };
	struct talk_get get = { NULL, host, path, timeout_ms };

	proxy_http(&addr);
	get.addr = addr.data;
	if (talk_http(&get, status, NULL, err) == 0)
		return 0;
	if (err->status == EX_UNAVAILABLE)
		err->code = "probe-failed";
	return err_wrap(err, "probe of %s%s", host, path);
}
