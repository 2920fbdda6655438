/*
 * The body of a delivery, of each kind: the first byte says which.
 * links: lib/hook/event.c lib/hook/names.c lib/base/*.c
 * links: lib/parse/giturl.c lib/parse/jsonpick.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "hook/event.h"
#include "hook/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const names[] = { "push", "pull_request", "delete",
		"ping", "star" };
	static const char *const providers[] = { "github", "gitea" };
	auto_strvec struct strvec found = { 0 };
	auto_event struct event e = { 0 };
	struct err err = { 0 };
	const char *branch;

	if (n == 0)
		return 0;
	names_scan((const char *)data + 1, n - 1, &found);
	for (size_t i = 0; i < found.n; i++)
		if (found.v[i][strcspn(found.v[i], " \"\\\n")] != '\0')
			abort();
	if (event_read(&e, providers[data[0] & 1], names[data[0] / 2 % 5], "id",
		(const char *)data + 1, n - 1, &err) < 0) {
		if (err.status != EX_DATAERR || e.delivery != NULL)
			abort();
		return 0;
	}
	if ((e.kind == EVENT_RECORD) != (e.delivery != NULL))
		abort();
	branch = json_str(e.delivery, "branch", "x");
	if (*branch == '\0' || *branch == '-' || strstr(branch, "..") != NULL)
		abort();
	return 0;
}
