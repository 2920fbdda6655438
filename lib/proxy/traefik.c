/*
 * traefik - switches through the file provider.
 *
 * RCN_PROXY_DIR has traefik.yaml, what it is started with; default.pem, since
 * without a certificate of its own Traefik makes an RSA key at each change,
 * 0.1 to 1 s; and the watched folder dynamic/ with rcn.yaml, what all routes
 * share, and KEY.yaml for each route.  A file is written in new/ and renamed
 * in, since any other event in the watched folder delays the change.
 *
 * One file that Traefik does not take blocks all: so files are made only from
 * checked routes, and what is not ours is removed at each change.  A router
 * is named KEY:DEPLOYMENT, a service KEY, which keeps its counters over
 * switches.
 *
 * Traefik cannot tell what is in flight.  Its idle connections to instances
 * are closed after a second, so who has none open has been drained.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "proxy/ops.h"
#include "proxy/talk.h"
#include "proxy/tls.h"
#include "proxy/traefik_text.h"

enum { API_MS = 5000, SHOW_MS = 5000 };

/* ---- its API ---- */

static const char *
api_addr(struct proxy *p, struct err *err)
{
	const char *addr = p->url + strlen("http://");

	if (text_starts(p->url, "http://") && *addr != '\0' &&
	    strchr(addr, '/') == NULL)
		return addr;
	err_set(err, EX_CONFIG, "bad-setting",
	    "RCN_PROXY_URL: %s: not http://HOST:PORT", p->url);
	return NULL;
}

/* 1 answered, 0 not found, -1 failed. */
static int
fetch(struct proxy *p, const char *path, struct buf *body, struct err *err)
{
	const char *addr = api_addr(p, err);
	struct talk_get get = { addr, addr, path, API_MS };
	int status;

	if (addr == NULL)
		return -1;
	log_debug("traefik < %s", path);
	if (talk_http(&get, &status, body, err) < 0) {
		if (err->status == EX_UNAVAILABLE)
			err_hint(err, "start Traefik: rcn-proxy up, or see "
				      "rcn-route(1)");
		return err_wrap(err, "traefik");
	}
	if (status == 404)
		return 0;
	if (status != 200)
		return err_set(err, EX_PROTOCOL, "proxy-protocol",
		    "traefik: %s%s: answers %d", p->url, path, status);
	return 1;
}

/* NULL with *found 0: not there. */
static json_t *
fetch_json(struct proxy *p, const char *path, int *found, struct err *err)
{
	auto_buf struct buf body = { 0 };

	*found = fetch(p, path, &body, err);
	if (*found != 1)
		return NULL;
	json_t *v = json_parse(buf_str(&body), body.len, path, err);
	if (v == NULL)
		*found = -1;
	return v;
}

static int
traefik_check(struct proxy *p, struct err *err)
{
	auto_buf struct buf body = { 0 };
	int found =
	    fetch(p, "/api/http/middlewares/rcn-retry-after@file", &body, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	err_set(err, EX_CONFIG, "proxy-config",
	    "traefik: the one at %s does not run from our files", p->url);
	return err_hint(err,
	    "start it from %s/traefik.yaml; if it was, its log says which "
	    "file it does not take",
	    p->dir);
}

/* usedBy has "KEY:DEPLOYMENT@file". */
static char *
deployment_of(const json_t *service, const char *key)
{
	size_t i, n = strlen(key);
	const json_t *by;

	json_array_foreach(json_at(service, "usedBy"), i, by) {
		const char *s = json_string_value(by);

		if (s != NULL && strncmp(s, key, n) == 0 && s[n] == ':')
			return mem_strndup(s + n + 1, strcspn(s + n + 1, ":@"));
	}
	return NULL;
}

static int
take_hosts(struct proxy *p, const char *key, const char *deployment,
    struct route *r, struct err *err)
{
	auto_free char *path =
	    mem_printf("/api/http/routers/%s:%s@file", key, deployment);
	int found;
	json_auto_t *router = fetch_json(p, path, &found, err);

	if (found == 1 &&
	    strcmp(json_str(router, "status", ""), "enabled") == 0)
		traefik_rule_hosts(json_str(router, "rule", ""), &r->hosts);
	return found < 0 ? -1 : 0;
}

static int
traefik_get(struct proxy *p, const char *key, struct route *r, struct err *err)
{
	auto_free char *path = mem_printf("/api/http/services/%s@file", key);
	auto_free char *deployment = NULL;
	const json_t *server;
	size_t i;
	int found;
	json_auto_t *service = fetch_json(p, path, &found, err);

	if (service == NULL)
		return found;
	if ((deployment = deployment_of(service, key)) == NULL)
		return 0;
	json_array_foreach(json_at(service, "loadBalancer.servers"), i,
	    server) {
		const char *url = json_str(server, "url", "");

		if (text_starts(url, "http://"))
			strvec_add(&r->addrs, url + strlen("http://"));
	}
	if (take_hosts(p, key, deployment, r, err) < 0)
		return -1;
	if (r->addrs.n == 0)
		return 0;
	free(r->deployment);
	r->deployment = deployment;
	deployment = NULL;
	return 0;
}

static int
traefik_busy(struct proxy *p, const char *addr, int64_t *n, struct err *err)
{
	(void)p, (void)addr, (void)n, (void)err;
	return 0;
}

static int
traefik_counts(struct proxy *p, const char *key, struct proxy_counts *c,
    struct err *err)
{
	auto_free char *service = mem_printf("%s@file", key);
	auto_buf struct buf body = { 0 };
	int found = fetch(p, "/metrics", &body, err);

	if (found == 1)
		traefik_count(buf_str(&body), service, c);
	return found < 0 ? -1 : 0;
}

/* ---- its files ---- */

/* Written aside, renamed in. */
static int
place(struct proxy *p, const char *name, const struct buf *text,
    struct err *err)
{
	auto_free char *aside = mem_printf("%s/new", p->dir);
	auto_free char *from = mem_printf("%s/new/%s", p->dir, name);
	auto_free char *dir = mem_printf("%s/dynamic", p->dir);
	auto_free char *to = mem_printf("%s/dynamic/%s", p->dir, name);
	auto_buf struct buf old = { 0 };
	struct err ignored = { 0 };

	if (io_read_maybe(to, text->len, &old, &ignored) == 1 &&
	    old.len == text->len && memcmp(old.data, text->data, old.len) == 0)
		return 0;
	if (io_mkdirs(aside, 0700, err) < 0 || io_mkdirs(dir, 0700, err) < 0 ||
	    io_replace(from, 0600, text->data, text->len, err) < 0)
		return -1;
	if (rename(from, to) < 0)
		return err_sys(err, EX_IOERR, "write-failed", "%s", to);
	return io_fsync_dir(dir, err);
}

static int
remove_file(struct proxy *p, const char *name, struct err *err)
{
	auto_free char *path = mem_printf("%s/dynamic/%s", p->dir, name);

	return io_remove(path, err);
}

static json_t *
router(const struct route *r, bool tls)
{
	auto_buf struct buf rule = { 0 };
	json_t *o;

	traefik_rule(&rule, &r->hosts);
	o = json_pack("{s:s, s:s, s:[s]}", "rule", rule.data, "service", r->key,
	    "entryPoints", tls ? "websecure" : "web");
	if (tls)
		json_object_set_new(o, "tls", json_object());
	if (r->addrs.n == 0)
		json_object_set_new(o, "middlewares",
		    json_pack("[s]", "rcn-retry-after@file"));
	return o;
}

static void
route_text(const struct route *r, bool tls, struct buf *out)
{
	auto_free char *name = mem_printf("%s:%s", r->key, r->deployment);
	auto_free char *secure = mem_printf("%s:tls", name);
	json_t *servers = json_array(), *routers = json_object();
	json_auto_t *doc = NULL;

	for (size_t i = 0; i < r->addrs.n; i++) {
		auto_free char *url = mem_printf("http://%s", r->addrs.v[i]);

		json_array_append_new(servers, json_pack("{s:s}", "url", url));
	}
	json_object_set_new(routers, name, router(r, false));
	if (tls)
		json_object_set_new(routers, secure, router(r, true));
	doc = json_pack("{s:{s:o, s:{s:{s:{s:s, s:o}}}}}", "http", "routers",
	    routers, "services", r->key, "loadBalancer", "serversTransport",
	    "rcn@file", "servers", servers);
	traefik_yaml(out, doc);
}

static bool
has_tls(void)
{
	auto_strvec struct strvec pem = { 0 };
	struct err ignored = { 0 };

	return proxy_listen_tls() != NULL &&
	       proxy_certificates(&pem, &ignored) == 0 && pem.n > 0;
}

static int
write_route(struct proxy *p, const struct route *r, struct err *err)
{
	auto_free char *name = mem_printf("%s.yaml", r->key);
	auto_buf struct buf text = { 0 };

	if (r->hosts.n == 0)
		return remove_file(p, name, err);
	route_text(r, has_tls(), &text);
	return place(p, name, &text, err);
}

/* Traefik reads certificates when a file changes: their times are in it. */
static json_t *
certificates(struct proxy *p, struct buf *note, struct err *err)
{
	auto_strvec struct strvec pem = { 0 };
	auto_free char *own = mem_printf("%s/default.pem", p->dir);
	json_t *list;
	struct stat st;

	if (proxy_certificates(&pem, err) < 0)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < pem.n; i++) {
		const char *path = pem.v[i];

		if (stat(path, &st) == 0)
			buf_addf(note, "# %zu %lld %lld.%09ld\n", i,
			    (long long)st.st_size, (long long)st.st_mtim.tv_sec,
			    st.st_mtim.tv_nsec);
		json_array_append_new(list,
		    json_pack("{s:o, s:o}", "certFile", json_text(path),
			"keyFile", json_text(path)));
	}
	return json_pack("{s:o, s:{s:{s:{s:o, s:o}}}}", "certificates", list,
	    "stores", "default", "defaultCertificate", "certFile",
	    json_text(own), "keyFile", json_text(own));
}

/* What all routes share. */
static int
write_shared(struct proxy *p, struct err *err)
{
	auto_buf struct buf text = { 0 };
	json_auto_t *doc = NULL;
	json_t *tls = certificates(p, &text, err);

	if (tls == NULL)
		return -1;
	if (json_array_size(json_object_get(tls, "certificates")) == 0)
		json_object_del(tls, "certificates");
	doc =
	    json_pack("{s:o, s:{s:{s:{s:{s:s}}}, s:{s:{s:{s:{s:s}}}}}}", "tls",
		tls, "http", "serversTransports", "rcn", "forwardingTimeouts",
		"idleConnTimeout", "1s", "middlewares", "rcn-retry-after",
		"headers", "customResponseHeaders", "Retry-After", "5");
	traefik_yaml(&text, doc);
	return place(p, "rcn.yaml", &text, err);
}

static int
write_own_certificate(struct proxy *p, struct err *err)
{
	auto_free char *path = mem_printf("%s/default.pem", p->dir);
	auto_buf struct buf pem = { 0 };

	if (access(path, F_OK) == 0)
		return 0;
	if (tls_own(&pem, err) < 0)
		return -1;
	int bad = io_replace(path, 0600, pem.data, pem.len, err);
	buf_wipe(&pem);
	return bad;
}

static json_t *
entry_point(const char *address)
{
	return json_pack("{s:o, s:{s:{s:s, s:s}}}", "address",
	    json_text(address), "transport", "respondingTimeouts",
	    "readTimeout", "5m", "idleTimeout", "75s");
}

/* What it is started with. */
static int
write_static(struct proxy *p, struct err *err)
{
	auto_free char *dir = mem_printf("%s/dynamic", p->dir);
	auto_buf struct buf text = { 0 };
	const char *api = api_addr(p, err);
	json_t *points;
	json_auto_t *doc = NULL;

	if (api == NULL)
		return -1;
	points = json_pack("{s:o, s:{s:o}}", "web", entry_point(proxy_listen()),
	    "traefik", "address", json_text(api));
	if (has_tls())
		json_object_set_new(points, "websecure",
		    entry_point(proxy_listen_tls()));
	doc = json_pack("{s:{s:b, s:b}, s:o, s:{s:{s:o}, s:s}, s:{s:b, s:b}, "
			"s:{s:{s:b, s:b}}, s:{s:s}}",
	    "global", "checkNewVersion", 0, "sendAnonymousUsage", 0,
	    "entryPoints", points, "providers", "file", "directory",
	    json_text(dir), "providersThrottleDuration", "10ms", "api",
	    "insecure", 1, "dashboard", 0, "metrics", "prometheus",
	    "addServicesLabels", 1, "addEntryPointsLabels", 0, "log", "level",
	    "WARN");
	json_write(&text, doc, JSON_INDENT(2));
	buf_addc(&text, '\n');
	return proxy_file(p, "traefik.yaml", &text, err);
}

/* ---- changes ---- */

/* Files in the watched folder that no route, bad or good, and not we made. */
static int
remove_strangers(struct proxy *p, const struct routes *all, struct strvec *gone,
    struct err *err)
{
	auto_free char *path = mem_printf("%s/dynamic", p->dir);
	auto_buf struct buf key = { 0 };
	struct err bad_one = { 0 };
	struct dirent *e;
	int bad = 0;
	DIR *d = opendir(path);

	if (d == NULL)
		return err_sys(err, EX_OSERR, "cannot-open", "%s", path);
	while (bad == 0 && (e = readdir(d)) != NULL) {
		const char *name = e->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    strcmp(name, "rcn.yaml") == 0)
			continue;
		buf_clear(&key);
		if (text_ends(name, ".yaml"))
			buf_add(&key, name, strlen(name) - 5);
		if (routes_find(all, buf_str(&key)) != NULL ||
		    routes_good(all, buf_str(&key), &bad_one) < 0)
			continue;
		log_note("%s/%s: removed, no route has it", path, name);
		strvec_add(gone, buf_str(&key));
		bad = remove_file(p, name, err);
	}
	(void)closedir(d);
	return bad;
}

static int
traefik_put(struct proxy *p, const struct routes *all, const struct route *r,
    struct err *err)
{
	auto_strvec struct strvec gone = { 0 };

	if (write_route(p, r, err) < 0)
		return -1;
	return remove_strangers(p, all, &gone, err);
}

/* What only a restart changes. */
static int
warn_static(struct proxy *p, struct err *err)
{
	const json_t *point;
	size_t i;
	int found;
	json_auto_t *points = fetch_json(p, "/api/entrypoints", &found, err);

	if (points == NULL)
		return found;
	json_array_foreach(points, i, point) {
		const char *name = json_str(point, "name", "");
		const char *now = json_str(point, "address", "");

		if (strcmp(name, "web") == 0 &&
		    strcmp(now, proxy_listen()) != 0)
			log_warn("traefik listens on %s, RCN_HTTP says %s: "
				 "restart it",
			    now, proxy_listen());
	}
	return 0;
}

static int
write_all(struct proxy *p, const struct routes *all, struct strvec *gone,
    struct err *err)
{
	if (write_static(p, err) < 0 || write_own_certificate(p, err) < 0 ||
	    write_shared(p, err) < 0 || remove_strangers(p, all, gone, err) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++)
		if (write_route(p, &all->v[i], err) < 0)
			return -1;
	return 0;
}

/* 1: it runs from our files and serves nothing of what is gone. */
static int
has_taken(struct proxy *p, const struct strvec *gone, struct err *err)
{
	if (traefik_check(p, err) < 0)
		return strcmp(err->code, "proxy-config") == 0 ? 0 : -1;
	for (size_t i = 0; i < gone->n; i++) {
		auto_route struct route now = { 0 };

		route_set(&now, gone->v[i], "");
		if (traefik_get(p, gone->v[i], &now, err) < 0)
			return -1;
		if (now.hosts.n == 0)
			continue;
		err_set(err, EX_UNAVAILABLE, "proxy-refused",
		    "traefik: still serves %s", gone->v[i]);
		return 0;
	}
	return 1;
}

/* What was just written may take it a moment. */
static int
wait_taken(struct proxy *p, const struct strvec *gone, struct err *err)
{
	int64_t end = clock_ms() + SHOW_MS;

	for (;;) {
		struct err now = { 0 };
		int taken = has_taken(p, gone, &now);

		if (taken == 1)
			return 0;
		if (taken < 0 || clock_ms() >= end) {
			*err = now;
			return -1;
		}
		if (clock_sleep_ms(20, err) < 0)
			return -1;
	}
}

static int
traefik_sync(struct proxy *p, const struct routes *all, struct err *err)
{
	auto_strvec struct strvec gone = { 0 };
	auto_buf struct buf body = { 0 };
	struct err down = { 0 };

	if (write_all(p, all, &gone, err) < 0)
		return -1;
	if (fetch(p, "/api/version", &body, &down) < 0) {
		if (down.status == EX_UNAVAILABLE)
			return 0;
		*err = down;
		return -1;
	}
	if (wait_taken(p, &gone, err) < 0 || warn_static(p, err) < 0)
		return -1;
	return 1;
}

/* What was written aside, and not renamed in before its writer died. */
static int
traefik_clean(struct proxy *p, const char *key, struct err *err)
{
	auto_free char *aside = mem_printf("%s/new", p->dir);
	DIR *d = opendir(aside);
	struct dirent *e;

	(void)key;
	(void)err;
	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	return 0;
}

static void
traefik_command(struct proxy *p, struct buf *b)
{
	auto_free char *config =
	    mem_printf("--configFile=%s/traefik.yaml", p->dir);

	proxy_word(b, config);
}

const struct proxy_ops traefik_ops = {
	.name = "traefik",
	.url = "http://127.0.0.1:8099",
	.can = {
		.least_version = "3.6",
		.tls_given = true,
		.survives_restart = true,
		.keeps_websockets = true,
		.counts_in_flight = false,
		.counts_requests = true,
	},
	.check = traefik_check,
	.put = traefik_put,
	.get = traefik_get,
	.busy = traefik_busy,
	.counts = traefik_counts,
	.clean = traefik_clean,
	.sync = traefik_sync,
	.command = traefik_command,
};
