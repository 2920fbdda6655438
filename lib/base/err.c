#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

/* A message is one line, whatever a stranger has put into it. */
static void
flatten(char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '\n' || *s == '\r')
			*s = ' ';
}

static int
err_vset(struct err *err, int status, const char *code, const char *fmt,
    va_list ap)
{
	err->status = status;
	err->code = code;
	err->hint[0] = '\0';
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	flatten(err->msg);
	return -1;
}

int
err_set(struct err *err, int status, const char *code, const char *fmt, ...)
{
	va_list ap;

	err->sys = 0;
	va_start(ap, fmt);
	err_vset(err, status, code, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_sys(struct err *err, int status, const char *code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	err_vset(err, status, code, fmt, ap);
	va_end(ap);
	err->sys = saved;
	n = strlen(err->msg);
	(void)snprintf(err->msg + n, sizeof(err->msg) - n, ": %s",
	    strerror(saved));
	return -1;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	va_list ap;
	size_t n;

	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	flatten(err->msg);
	n = strlen(err->msg);
	(void)snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", old);
	return -1;
}

int
err_hint(struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	flatten(err->hint);
	return -1;
}

void
err_print(const struct err *err)
{
	if (err->hint[0] != '\0')
		log_raw("%s: %s\n%s: hint: %s\n", log_name(), err->msg,
		    log_name(), err->hint);
	else
		log_raw("%s: %s\n", log_name(), err->msg);
}

bool
err_retryable(const struct err *err)
{
	static const char *const settled[] = { "cancelled", "superseded",
		"fenced" };

	for (size_t i = 0; i < sizeof(settled) / sizeof(*settled); i++)
		if (err->code != NULL && strcmp(err->code, settled[i]) == 0)
			return false;
	return err->status == EX_UNAVAILABLE || err->status == EX_TEMPFAIL;
}
