/* Objects back to back, cut anywhere. */
#include "tap.h"

#include "base/json.h"
#include "base/log.h"
#include "http/jsonstream.h"

static int
count(json_t *o, void *ctx, struct err *err)
{
	(void)err;
	*(json_int_t *)ctx += json_integer_value(json_object_get(o, "n"));
	return 0;
}

static int
stop(json_t *o, void *ctx, struct err *err)
{
	(void)o, (void)ctx;
	return err_set(err, EX_DATAERR, "enough", "enough");
}

int
main(void)
{
	static const char text[] = " {\"n\":1,\"s\":\"}{\\\"\\\\\"}\r\n"
				   "{\"n\":2,\"a\":[{\"b\":{}}]}{\"n\":4}\n";
	size_t n = sizeof(text) - 1;
	struct err err = { 0 };

	log_init("jsonstream");
	json_init();
	for (size_t step = 1; step <= n; step++) {
		json_int_t sum = 0;
		struct jsonstream s = {
			.each = count, .ctx = &sum, .what = "t"
		};
		int rc = 0;

		for (size_t at = 0; at < n && rc == 0; at += step)
			rc = jsonstream_add(&s, text + at,
			    n - at < step ? n - at : step, &err);
		if (rc == 0)
			rc = jsonstream_end(&s, &err);
		if (rc != 0 || sum != 7)
			ok(false, "pieces of %zu bytes", step);
		jsonstream_release(&s);
	}
	ok(err.status == 0, "objects cut anywhere are found");

	struct jsonstream s = { .each = count, .what = "t" };
	ok(jsonstream_add(&s, "nonsense", 8, &err) < 0 &&
		err.status == EX_PROTOCOL,
	    "text that is no object is refused");
	jsonstream_release(&s);
	s = (struct jsonstream){ .each = count, .what = "t" };
	ok(jsonstream_add(&s, "{\"n\":", 5, &err) == 0 &&
		jsonstream_end(&s, &err) < 0 && err.status == EX_UNAVAILABLE,
	    "half an object at the end is a lost connection");
	jsonstream_release(&s);
	s = (struct jsonstream){ .each = stop, .what = "t" };
	ok(jsonstream_add(&s, "{}", 2, &err) < 0 &&
		strcmp(err.code, "enough") == 0,
	    "the callback ends it");
	jsonstream_release(&s);
	s = (struct jsonstream){ .each = count, .what = "t" };
	ok(jsonstream_add(&s, "{]}", 3, &err) < 0, "mismatched brackets");
	jsonstream_release(&s);
	return tap_end();
}
