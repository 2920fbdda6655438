/* What Traefik reads and says. */
#include "proxy/traefik_text.h"

#include "base/json.h"
#include "base/log.h"
#include "proxy/talk.h"
#include "proxy/tls.h"
#include "tap.h"

static void
test_yaml(void)
{
	auto_buf struct buf out = { 0 };
	json_auto_t *doc = json_pack("{s:[s,{s:s}]}", "a{{b", "{{ env \"X\" }}",
	    "p\\\"{", "\"{{\\");
	json_auto_t *back = NULL;
	struct err err = { 0 };

	traefik_yaml(&out, doc);
	ok(strstr(out.data, "{{") == NULL, "no template can begin");
	back = json_parse(out.data, out.len, "yaml", &err);
	ok(json_equal(doc, back), "and it means the same");
}

static void
test_rule(void)
{
	auto_strvec struct strvec hosts = { 0 }, back = { 0 };
	auto_buf struct buf rule = { 0 };

	strvec_add(&hosts, "a.example");
	strvec_add(&hosts, "b.example");
	traefik_rule(&rule, &hosts);
	tap_str(rule.data, "Host(`a.example`) || Host(`b.example`)", "a rule");
	traefik_rule_hosts(rule.data, &back);
	ok(back.n == 2 && strcmp(back.v[1], "b.example") == 0, "and back");
	strvec_clear(&back);
	traefik_rule_hosts("PathPrefix(`/x`) && Host(`open", &back);
	ok(back.n == 0, "a rule that ends early");
}

#define M "traefik_service_requests_total{"

static void
test_count(void)
{
	struct proxy_counts c = { -1, -1 };

	traefik_count("# HELP x\n" M
		      "code=\"200\",service=\"a.b@file\"} 1200\n" M
		      "code=\"502\",method=\"GET\",service=\"a.b@file\"} 3\n" M
		      "code=\"500\",service=\"a.b@file\"} 2e+06\n" M
		      "code=\"200\",service=\"xa.b@file\"} 7\n" M
		      "code=\"200\",xservice=\"a.b@file\"} 7\n"
		      "traefik_service_requests_bytes_total{"
		      "service=\"a.b@file\"} 9\n",
	    "a.b@file", &c);
	ok(c.requests == 2001203 && c.errors == 3, "added up: %lld, %lld",
	    (long long)c.requests, (long long)c.errors);
	traefik_count(M "code=\"200\",service=\"a.b@file\"} NaN\n" M
			"code=\"200\",service=\"a.b@file\"} -1\n" M
			"code=\"200\",service=\"a.b@file\"} 1e99\n" M
			"service=\"a.b@file\"",
	    "a.b@file", &c);
	ok(c.requests == 0 && c.errors == 0, "what is no count is none");
	traefik_count("", "a.b@file", &c);
	ok(c.requests == 0, "an empty page: nothing yet");
}

static void
test_head(void)
{
	size_t body;

	ok(talk_head("HTTP/1.1 200 OK\r\nA: b\r\n\r\nxy", 27, &body) == 200 &&
		body == 25,
	    "a status and where the body begins");
	ok(talk_head("HTTP/1.0 404 ", 13, &body) == 404 && body == 0,
	    "a head that has not ended");
	ok(talk_head("HTTP/2 200 OK", 13, &body) == -1, "HTTP/2");
	ok(talk_head("HTTP/1.1 0x0 ", 13, &body) == -1, "no number");
	ok(talk_head("HTTP/1.1 099 ", 13, &body) == -1, "below 100");
	ok(talk_head("HTTP/1.1 20", 11, &body) == -1, "too short");
}

static void
test_certificate(void)
{
	auto_buf struct buf pem = { 0 };
	struct err err = { 0 };

	ok(tls_own(&pem, &err) == 0 &&
		strstr(pem.data, "BEGIN CERTIFICATE") != NULL &&
		strstr(pem.data, "BEGIN PRIVATE KEY") != NULL,
	    "a certificate and its key");
}

int
main(void)
{
	log_init("traefik");
	json_init();
	test_yaml();
	test_rule();
	test_count();
	test_head();
	test_certificate();
	return tap_end();
}
