/*
 * traefik_text - what Traefik reads and says, as text.
 * Its files are YAML run through Go's templates; JSON is YAML, and a '{' in a
 * string is written as an escape, so that no template can begin there.
 */
#ifndef PROXY_TRAEFIK_TEXT_H
#define PROXY_TRAEFIK_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include "base/buf.h"
#include "proxy/proxy.h"

void traefik_yaml(struct buf *, const json_t *);
/* "Host(`a`) || Host(`b`)", and back. */
void traefik_rule(struct buf *, const struct strvec *hosts);
void traefik_rule_hosts(const char *rule, struct strvec *hosts);
/* The service's requests and errors of the metrics page, added up. */
void traefik_count(const char *metrics, const char *service,
    struct proxy_counts *);

#endif
