/* What /proc/PID/net/tcp says, parsed. */
#include "tap.h"

#include <string.h>

#include "deploy/listen.h"

static const char head[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
    "retrnsmt   uid  timeout inode\n";
static const char tcp[] =
    "  sl  local_address rem_address   st tx_queue rx_queue\n"
    "   0: 00000000:2710 00000000:0000 0A 00000000:00000000 00:0 0 0 1\n"
    "   1: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:0 0 0 2\n"
    "   2: 0B00007F:C350 00000000:0000 0A 00000000:00000000 00:0 0 0 3\n"
    "   3: 0500E70A:2710 0100E70A:D431 01 00000000:00000000 00:0 0 0 4\n"
    "   4: 0500E70A:2710 0100E70A:D432 06 00000000:00000000 00:0 0 0 5\n"
    "   5: 0100007F:2710 0100007F:D433 01 00000000:00000000 00:0 0 0 6\n"
    "   6: 00000000:2710 00000000:0000 0A 00000000:00000000 00:0 0 0 7\n"
    "  99: nonsense\n";
static const char tcp6[] = "  sl  local_address remote_address st\n"
			   "   0: 00000000000000000000000000000000:0050 "
			   "00000000000000000000000000000000:0000 0A 0:0\n"
			   "   1: 00000000000000000000000001000000:1F90 "
			   "00000000000000000000000000000000:0000 0A 0:0\n"
			   "   2: 0000000000000000FFFF00000500E70A:0050 "
			   "0000000000000000FFFF00000100E70A:D431 01 0:0\n"
			   "   3: 0000000000000000FFFF00000100007F:0050 "
			   "0000000000000000FFFF00000100007F:D431 01 0:0\n";

static void
lists(void)
{
	struct listeners l = { 0 };
	char text[256];

	listen_text(&l, text, sizeof(text));
	tap_str(text, "nothing", "nobody listens");
	listen_parse(head, false, &l);
	ok(l.n == 0, "a head alone");
	listen_parse(tcp, false, &l);
	listen_text(&l, text, sizeof(text));
	tap_str(text, "127.0.0.1:3000 and 0.0.0.0:10000",
	    "by port, each once, without the engine's resolver");
	ok(l.v[0].loopback && !l.v[1].loopback, "who is reached from outside");
	listen_parse(tcp6, true, &l);
	listen_text(&l, text, sizeof(text));
	tap_str(text, "[::]:80, 127.0.0.1:3000, [::1]:8080 and 0.0.0.0:10000",
	    "IPv6 too");
	ok(!l.v[0].loopback && l.v[2].loopback, "its loopback too");
	listen_text(&l, text, 12);
	tap_str(text, "[::]:80, 12", "cut where the room ends");
	ok(listen_count(tcp, false, 10000) == 1,
	    "established, from outside, on the port");
	ok(listen_count(tcp6, true, 80) == 1, "the same in tcp6");
	ok(listen_count(tcp, false, 3000) == 0, "none on another port");
}

static void
choices(void)
{
	struct listeners l = { 0 };

	ok(listen_choose(&l, 80) == 80, "nothing: as it was");
	listen_parse("0: 0100007F:0BB8 00000000:0000 0A\n", false, &l);
	ok(listen_choose(&l, 80) == 80, "loopback does not count");
	listen_parse("0: 00000000:0BB9 00000000:0000 0A\n", false, &l);
	ok(listen_choose(&l, 80) == 3001, "the only other one");
	listen_parse("0: 00000000:0BBA 00000000:0000 0A\n", false, &l);
	ok(listen_choose(&l, 80) == 80, "two others: as it was");
	listen_parse("0: 00000000:0050 00000000:0000 0A\n", false, &l);
	ok(listen_choose(&l, 80) == 80, "it is there");
}

static void
many(void)
{
	struct listeners l = { 0 };
	char row[64];

	for (int port = 100; port < 200; port++) {
		(void)snprintf(row, sizeof(row),
		    "0: 00000000:%04X 00000000:0000 0A\n", (unsigned)port);
		listen_parse(row, false, &l);
	}
	ok(l.n == LISTEN_MAX, "no more than there is room for");
	ok(listen_of(0, &l) < 0 && listen_of(-1, &l) < 0, "no process");
	ok(listen_connections(0, 80) < 0, "no process");
}

int
main(void)
{
	lists();
	choices();
	many();
	return tap_end();
}
