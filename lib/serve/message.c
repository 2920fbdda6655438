#include "serve/message.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"

enum { RETRY_SECONDS = 30 };

int
request_header(const struct request *q, const char *name, const char **value)
{
	int found = 0;

	*value = NULL;
	for (size_t i = 0; i < q->headers; i++) {
		if (strcasecmp(q->header[i].name, name) != 0)
			continue;
		*value = q->header[i].value;
		found++;
	}
	return found > 1 ? -1 : found;
}

void
response_release(struct response *a)
{
	buf_release(&a->body);
	buf_release(&a->log);
}

int
response_json(struct response *a, int status, json_t *value)
{
	json_auto_t *own = value;

	a->status = status;
	buf_clear(&a->body);
	json_write(&a->body, own, JSON_COMPACT);
	buf_addc(&a->body, '\n');
	return 0;
}

int
response_error(struct response *a, int status, const char *code,
    const char *message)
{
	return response_json(a, status,
	    json_pack("{s:{s:s, s:o}}", "error", "code", code, "message",
		json_text(message)));
}

void
response_failed(struct response *a, const struct err *err)
{
	a->hold = false;
	switch (err->status) {
	case EX_DATAERR:
		response_error(a, 400, err->code, err->msg);
		break;
	case EX_UNAVAILABLE:
	case EX_OSERR:
	case EX_CANTCREAT:
	case EX_IOERR:
	case EX_TEMPFAIL:
		a->retry_after = RETRY_SECONDS;
		response_error(a, 503, err->code,
		    "not recorded; send it again");
		break;
	default:
		response_error(a, 500, err->code, "see the log");
	}
	response_log(a, "error", err->code);
	response_log(a, "reason", err->msg);
}

void
log_pair(struct buf *b, const char *key, const char *value)
{
	bool quote = *value == '\0' || strpbrk(value, " \"=\\") != NULL;

	buf_addf(b, " %s=%s", key, quote ? "\"" : "");
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			buf_addc(b, '\\');
		/* One line: log_raw() cleans the other control bytes. */
		buf_addc(b, *value == '\n' ? ' ' : *value);
	}
	if (quote)
		buf_addc(b, '"');
}

void
response_log(struct response *a, const char *key, const char *value)
{
	log_pair(&a->log, key, value);
}

const char *
status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} all[] = {
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].status == status)
			return all[i].text;
	return "Internal Server Error";
}
