/* Routes: what may stand in them, and their files. */
#include "proxy/routes.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "tap.h"

static int
valid(const char *key, const char *deployment, const char *host,
    const char *addr)
{
	auto_route struct route r = { 0 };
	struct err err = { 0 };

	route_set(&r, key, deployment);
	strvec_add(&r.hosts, host);
	if (addr != NULL)
		strvec_add(&r.addrs, addr);
	return route_valid(&r, &err) == 0 ? 0 : err.status;
}

static void
test_valid(void)
{
	static const char *const bad_hosts[] = { "", ".", "a..b", "-a", "a-",
		"a-.b", "A.b", "a b", "a\nb", "a{{b}}", "a/b", "a.", ".a",
		"caf\xc3\xa9", "a`b", "*.a" };
	static const char *const bad_addrs[] = { "", "1.2.3.4",
		"1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3:80", "host:80",
		"1.2.3.4:80 check", "1.2.3.4:80;", "[::1]:80" };
	char label[70] = "";

	ok(valid("a.b", "d", "x-1.example.org", "172.30.0.2:10000") == 0,
	    "an ordinary route");
	ok(valid("a.b", "d", "localhost", NULL) == 0, "one label, no address");
	for (size_t i = 0; i < sizeof(bad_hosts) / sizeof(*bad_hosts); i++)
		ok(valid("a.b", "d", bad_hosts[i], NULL) == EX_DATAERR,
		    "host refused: %zu", i);
	for (size_t i = 0; i < sizeof(bad_addrs) / sizeof(*bad_addrs); i++)
		ok(valid("a.b", "d", "h", bad_addrs[i]) == EX_DATAERR,
		    "address refused: %zu", i);
	memset(label, 'a', 64);
	ok(valid("a.b", "d", label, NULL) == EX_DATAERR, "a label of 64");
	label[63] = '\0';
	ok(valid("a.b", "d", label, NULL) == 0, "a label of 63");
	ok(valid("../x.y", "d", "h", NULL) == EX_DATAERR, "key with a slash");
	ok(valid("a", "d", "h", NULL) == EX_DATAERR, "key without a dot");
	ok(valid(".a", "d", "h", NULL) == EX_DATAERR, "key, first a dot");
	ok(valid("a.b", "d;x", "h", NULL) == EX_DATAERR, "deployment with ;");
	ok(valid("a.b", "", "h", "1.2.3.4:5") == EX_DATAERR,
	    "targets without a deployment");
}

static void
test_files(void)
{
	char dir[] = "/tmp/rcn-routes-XXXXXX";
	auto_routes struct routes all = { 0 };
	auto_route struct route r = { 0 }, back = { 0 };
	struct err err = { 0 };

	ok(mkdtemp(dir) != NULL && setenv("RCN_STATE_DIR", dir, 1) == 0,
	    "a folder");
	ok(routes_load(&all, &err) == 0 && all.n == 0, "none yet");
	route_set(&r, "app.production", "d1");
	strvec_add(&r.hosts, "a.example");
	strvec_add(&r.hosts, "b.example");
	strvec_add(&r.addrs, "172.30.0.9:3000");
	ok(routes_write(&r, &err) == 0, "written");
	ok(routes_read("app.production", &back, &err) == 1 &&
		route_equal(&r, &back) && strcmp(back.deployment, "d1") == 0,
	    "read again, the same");
	ok(routes_load(&all, &err) == 0 && all.n == 1 &&
		routes_owner(&all, "b.example") == &all.v[0] &&
		routes_owner(&all, "c.example") == NULL,
	    "the owner of a host");
	ok(routes_find(&all, "app.production") == &all.v[0] &&
		routes_find(&all, "app.staging") == NULL,
	    "found by key");
	auto_free char *bad = mem_printf("%s/routes/bad.x.json", dir);
	static const char text[] = "{\"targets\": [\"172.30.0.8:3000\"], 1";
	ok(io_replace(bad, 0600, text, strlen(text), &err) == 0 &&
		routes_load(&all, &err) == 0 && all.n == 1 &&
		routes_find(&all, "app.production") != NULL,
	    "a bad file blocks no other");
	ok(all.why.n == 1 && strcmp(all.bad[0].key, "bad.x") == 0 &&
		strstr(all.why.v[0], "bad.x.json") != NULL,
	    "and is named");
	ok(all.why.n == 1 && all.bad[0].addrs.n == 1 &&
		strcmp(all.bad[0].addrs.v[0], "172.30.0.8:3000") == 0,
	    "and its address is known");
	ok(routes_good(&all, "app.production", &err) == 0 &&
		routes_good(&all, "bad.x", &err) < 0 &&
		err.status == EX_DATAERR &&
		strcmp(err.code, "bad-route-file") == 0,
	    "and for its own project it is an error");
	ok(io_remove(bad, &err) == 0, "away with it");
	strvec_clear(&r.hosts);
	ok(routes_write(&r, &err) == 0 &&
		routes_read("app.production", &back, &err) == 0,
	    "no hosts: the file goes");
	auto_free char *sub = mem_printf("%s/routes", dir);
	ok(rmdir(sub) == 0 && rmdir(dir) == 0, "nothing left behind");
}

int
main(void)
{
	log_init("routes");
	json_init();
	test_valid();
	test_files();
	return tap_end();
}
