/*
 * Docker's config.json and, after a NUL, what a credential helper answers:
 * all that is found was masked first, and a helper's name is a plain name.
 * links: lib/document/document.c lib/document/fields.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mask.h"
#include "base/proc.h"
#include "base/text.h"

/* No program runs, and nothing is kept from one run to the next. */
#define mask_add fuzz_mask_add
#define mask_no_dump() ((void)0)
#define proc_run fuzz_proc_run

static void fuzz_mask_add(const char *);
static int fuzz_proc_run(const struct proc *, int *, struct err *);

#include "../../lib/registry/creds.c"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct strvec masked;
static const uint8_t *answer;
static size_t answer_n;

static void
fuzz_mask_add(const char *value)
{
	strvec_add(&masked, value);
}

/* The last byte of the answer is the helper's status. */
static int
fuzz_proc_run(const struct proc *p, int *status, struct err *err)
{
	(void)err;
	if (!text_starts(p->argv[0], "docker-credential-") ||
	    strpbrk(p->argv[0], "/ \t\n") != NULL || p->argv[2] != NULL)
		abort();
	*status = answer_n > 0 ? answer[answer_n - 1] == '1' : 0;
	buf_add(p->out, answer, answer_n);
	return 0;
}

static void
check(const char *host, json_t *config)
{
	auto_creds struct creds c = { 0 };
	struct err err = { 0 };
	int got = find_in(config, "config.json", host, &c, &err);

	if ((got == 1) != (c.password != NULL || c.identity != NULL) ||
	    (c.user == NULL) != (c.password == NULL) ||
	    (got < 0) != (err.status != 0))
		abort();
	if ((c.password != NULL && !strvec_has(&masked, c.password)) ||
	    (c.identity != NULL && !strvec_has(&masked, c.identity)))
		abort();
	strvec_release(&masked);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *nul = n > 0 ? memchr(data, '\0', n) : NULL;
	size_t text_n = nul != NULL ? (size_t)(nul - data) : n;
	AUTO(wipe_json) json_t *config = NULL;
	struct err err = { 0 };

	answer = data + text_n + (nul != NULL);
	answer_n = n - text_n - (nul != NULL);
	if (parse_config((const char *)data, text_n, "config.json", &config,
		&err) < 0)
		return 0;
	check("docker.io", config);
	check("r.example:5000", config);
	return 0;
}
