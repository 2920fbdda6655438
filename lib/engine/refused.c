#include "engine/refused.h"

#include <string.h>

/* Numbers with what stands beside them: a port may be 4010. */
static const struct refusal rows[] = {
#define LOGIN                                                                 \
	"docker login to that registry; the project in the name must exist, " \
	"and the account needs the right to use it"
#define DENIED EX_NOPERM, "registry-denied", LOGIN
#define LIMIT EX_TEMPFAIL, "registry-limit", "try again later"
#define DOWN EX_UNAVAILABLE, "registry-down", "is the registry up?"
#define TLS                                                                \
	EX_PROTOCOL, "tls-failed",                                         \
	    "the engine decides: its insecure-registries setting, or the " \
	    "CA's file in /etc/docker/certs.d/HOST:PORT/ca.crt"
	{ "no basic auth", DENIED },
	{ "unauthorized", DENIED },
	{ "denied", DENIED },
	{ "status: 401", DENIED },
	{ "status code 401", DENIED },
	{ "401 unauthorized", DENIED },
	{ "status: 403", DENIED },
	{ "status code 403", DENIED },
	{ "403 forbidden", DENIED },
	{ "toomanyrequests", LIMIT },
	{ "too many requests", LIMIT },
	{ "http response to https client", TLS },
	{ "x509:", TLS },
	{ "tls:", TLS },
	{ "connection refused", DOWN },
	{ "connection reset", DOWN },
	{ "no such host", DOWN },
	{ "no route to host", DOWN },
	{ "network is unreachable", DOWN },
	{ "timeout", DOWN },
	{ "deadline exceeded", DOWN },
	{ "request canceled", DOWN },
	{ "server misbehaving", DOWN },
	{ "internal server error", DOWN },
	{ "bad gateway", DOWN },
	{ "unavailable", DOWN },
	{ ": eof", DOWN },
	{ NULL, 0, NULL, NULL },
};

static int
set(const struct refusal *r, const char *text, struct err *err)
{
	err_set(err, r->status, r->code, "%s", text);
	return r->hint != NULL ? err_hint(err, "%s", r->hint) : -1;
}

int
refused(const struct refusal *own, const char *text, struct err *err)
{
	for (const struct refusal *r = rows; r->word != NULL; r++)
		if (strcasestr(text, r->word) != NULL)
			return set(r, text, err);
	while (strcasestr(text, own->word) == NULL)
		own++;
	return set(own, text, err);
}
