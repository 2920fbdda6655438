/*
 * proxy - what HAProxy and Traefik answer: statistics, metrics, rules, HTTP.
 * links: lib/proxy/haproxy_stat.c lib/proxy/traefik_text.c lib/proxy/talk.c
 * links: lib/base/*.c
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/haproxy_stat.h"
#include "proxy/talk.h"
#include "proxy/traefik_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
row(const struct haproxy_stat *st, void *ctx)
{
	size_t *sum = ctx;

	*sum += strlen(st->backend) + strlen(st->server) + strlen(st->addr) +
		strlen(st->status);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	struct strvec hosts = { 0 };
	struct proxy_counts c;
	struct err err = { 0 };
	size_t body, sum = 0;

	memcpy(text, data, n);
	text[n] = '\0';
	(void)talk_head(text, n, &body);
	if (body > n)
		abort();
	traefik_rule_hosts(text, &hosts);
	strvec_release(&hosts);
	traefik_count(text, "a.b@file", &c);
	if (c.requests < c.errors)
		abort();
	(void)haproxy_stat_read(text, row, &sum, &err);
	if (sum > n * 4)
		abort();
	free(text);
	return 0;
}
