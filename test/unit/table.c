/* Rows of connections: taken, moved, closed, the oldest first. */
#include "tap.h"

#include <fcntl.h>
#include <unistd.h>

#include "serve/table.h"

static int
null(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int
main(void)
{
	struct table t = { 0 };
	int32_t a, b, c;
	uint32_t gen;
	int fd;

	table_init(&t, 3);
	ok(table_empty(&t) && !table_full(&t), "begins empty");
	a = table_take(&t, null(), 1);
	b = table_take(&t, fd = null(), 2);
	c = table_take(&t, null(), 3);
	ok(a >= 0 && b >= 0 && c >= 0 && table_full(&t), "three fill it");
	ok(table_take(&t, 99, 4) == -1, "a fourth has no room");
	ok(table_oldest(&t, CONN_WAIT) == a, "the first is the oldest");
	table_move(&t, a, CONN_READY, 5);
	ok(table_oldest(&t, CONN_WAIT) == b &&
		table_oldest(&t, CONN_READY) == a &&
		table_count(&t, CONN_WAIT) == 2 && t.row[a].since == 5,
	    "moved to another list");
	gen = t.row[b].gen;
	table_close(&t, b);
	ok(fcntl(fd, F_GETFD) < 0, "closing closes");
	ok(!table_full(&t) && table_oldest(&t, CONN_WAIT) == c &&
		t.row[b].gen != gen,
	    "and the row is another's from now on");
	ok(table_take(&t, null(), 6) == b && table_full(&t), "taken again");
	table_close(&t, c);
	table_close(&t, a);
	table_close(&t, b);
	ok(table_empty(&t) && table_oldest(&t, CONN_WAIT) == -1, "empty again");
	ok(table_take(&t, fd = null(), 7) == b, "the last that was freed");
	table_release(&t);
	ok(fcntl(fd, F_GETFD) < 0, "the end closes what is open");
	return tap_end();
}
