/* The CSV of HAProxy's `show stat`, as 2.6 writes it and as it must not. */
#include "proxy/haproxy_stat.h"

#include "base/buf.h"
#include "tap.h"

static struct buf seen;

static void
note(const struct haproxy_stat *st, void *ctx)
{
	(void)ctx;
	buf_addf(&seen, "%s/%s %s %s %lld %lld %lld;", st->backend, st->server,
	    st->status, st->addr, (long long)st->scur, (long long)st->requests,
	    (long long)st->errors);
}

static int
read_text(const char *text, struct err *err)
{
	auto_free char *copy = mem_strdup(text);

	buf_clear(&seen);
	return haproxy_stat_read(copy, note, NULL, err);
}

#define HEAD "# pxname,svname,scur,econ,eresp,status,check_desc,req_tot,addr,\n"

int
main(void)
{
	struct err err = { 0 };

	ok(read_text(HEAD
	       "rcn-001,d1:10.0.0.2:80,3,1,2,no check,,,10.0.0.2:80,\n"
	       "rcn-001,BACKEND,3,4,5,UP,,77,,\n\n",
	       &err) == 0,
	    "a header, a server, a backend");
	tap_str(buf_str(&seen),
	    "rcn-001/d1:10.0.0.2:80 no check 10.0.0.2:80 3 0 3;"
	    "rcn-001/BACKEND UP  3 77 9;",
	    "columns by name, empty numbers are 0");
	ok(read_text(HEAD "a,b,1,,,\"UP 1,2 \"\"x\"\"\",\"a,b\",9,1.2.3.4:5\n",
	       &err) == 0,
	    "quoted fields");
	tap_str(buf_str(&seen), "a/b UP 1,2 \"x\" 1.2.3.4:5 1 9 0;",
	    "commas and quotes inside quotes");
	ok(read_text(HEAD "a\n", &err) == 0, "a short row");
	tap_str(buf_str(&seen), "a/   0 0 0;", "what is missing is empty");
	ok(read_text(HEAD "a,b,99999999999999999999999,1,1\n", &err) == 0 &&
		strstr(buf_str(&seen), " 9223372036854775807 ") != NULL,
	    "a number too large is the largest");
	ok(read_text("Unknown command.\n", &err) < 0 &&
		err.status == EX_PROTOCOL,
	    "an answer that is no table: 76");
	ok(read_text("", &err) < 0, "no answer");
	buf_release(&seen);
	return tap_end();
}
