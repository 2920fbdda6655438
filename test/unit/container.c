/* Logs as the engine frames them, subnets, routes, fixed ranges. */
#include "tap.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "engine/container.h"
#include "engine/network.h"

struct got {
	struct buf text;
};

static void
line(int stream, const char *s, size_t n, void *ctx)
{
	struct got *g = ctx;

	buf_addf(&g->text, "%d:%.*s\n", stream, (int)n, s);
}

static void
frame(struct buf *b, int stream, const char *s)
{
	size_t n = strlen(s);
	const char head[8] = { (char)stream, 0, 0, 0, (char)(n >> 24),
		(char)(n >> 16), (char)(n >> 8), (char)n };

	buf_add(b, head, sizeof(head));
	buf_add(b, s, n);
}

static void
logs(void)
{
	static const char want[] = "1:one\n2:oops\n1:two\n1:\n1:end\n";
	auto_buf struct buf in = { 0 };

	frame(&in, 1, "one\ntw");
	frame(&in, 2, "oops\r\n");
	frame(&in, 1, "o\n\nend");
	for (size_t step = 1; step <= in.len; step++) {
		struct got g = { 0 };
		struct log_frames f = { .fn = line, .ctx = &g };

		for (size_t at = 0; at < in.len; at += step)
			log_frames_add(&f, in.data + at,
			    in.len - at < step ? in.len - at : step);
		log_frames_end(&f);
		if (strcmp(buf_str(&g.text), want) != 0) {
			ok(0, "frames in pieces of %zu", step);
			printf("# %s\n", buf_str(&g.text));
		}
		buf_release(&g.text);
	}
	ok(1, "frames in pieces of every size");

	struct got g = { 0 };
	struct log_frames tty = { .tty = true, .fn = line, .ctx = &g };

	log_frames_add(&tty, "raw\r\ntext", 9);
	log_frames_end(&tty);
	ok(strcmp(buf_str(&g.text), "1:raw\n1:text\n") == 0,
	    "a terminal's log has no frames");
	buf_clear(&g.text);

	struct log_frames big = { .tty = true, .fn = line, .ctx = &g };
	auto_buf struct buf much = { 0 };

	for (int i = 0; i < 40000; i++)
		buf_addc(&much, 'x');
	log_frames_add(&big, much.data, much.len);
	log_frames_end(&big);
	ok(g.text.len == 40000 + 3 * 3, "a line without end is cut in pieces");
	buf_release(&g.text);
}

static void
subnets(void)
{
	static const struct {
		const char *text;
		int prefix; /* -1: refused */
	} cases[] = {
		{ "172.30.0.0/16", 16 },
		{ "10.0.0.0/8", 8 },
		{ "0.0.0.0/0", 0 },
		{ "192.168.1.4/30", 30 },
		{ "192.168.1.1/30", -1 },
		{ "172.30.0.0", -1 },
		{ "172.30.0.0/33", -1 },
		{ "172.30.0.0/", -1 },
		{ "172.30.0/16", -1 },
		{ "fd00::/8", -1 },
		{ "1111111111111111111.0.0.0/8", -1 },
		{ "", -1 },
	};
	struct subnet s, t;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int r = subnet_parse(cases[i].text, &s);

		ok(r == 0 ? s.prefix == cases[i].prefix : cases[i].prefix < 0,
		    "subnet %s", cases[i].text);
	}
	(void)subnet_parse("10.1.0.0/16", &s);
	(void)subnet_parse("10.1.128.0/17", &t);
	ok(subnet_overlap(&s, &t) && subnet_overlap(&t, &s), "inside");
	(void)subnet_parse("10.2.0.0/16", &t);
	ok(!subnet_overlap(&s, &t), "beside");
	(void)subnet_parse("0.0.0.0/0", &t);
	ok(subnet_overlap(&s, &t), "all");
}

static void
routes(void)
{
	static const char table[] =
	    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\t"
	    "MTU\tWindow\tIRTT\n"
	    "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
	    "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
	    "br-1\t0000E70A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
	char device[32];
	struct subnet s;

	(void)subnet_parse("10.231.128.0/24", &s);
	ok(route_overlaps(table, &s, device) && strcmp(device, "br-1") == 0,
	    "a route of a bridge has it");
	(void)subnet_parse("172.30.0.0/16", &s);
	ok(!route_overlaps(table, &s, device), "the default route does not");
	(void)subnet_parse("192.0.0.0/8", &s);
	ok(route_overlaps(table, &s, device) && strcmp(device, "eth0") == 0,
	    "a route inside it");
	ok(!route_overlaps("", &s, device), "no table");
	ok(!route_overlaps("x\ny z\n", &s, device), "nonsense");
}

static int
read_net(const char *text, struct network *n)
{
	struct err err = { 0 };
	json_auto_t *j = json_parse(text, strlen(text), "test", &err);

	*n = (struct network){ 0 };
	return network_read(j, n);
}

static void
ranges(void)
{
	struct network n;
	char first[ADDRESS_TEXT], last[ADDRESS_TEXT];

	ok(read_net("{\"Id\":\"x\",\"IPAM\":{\"Config\":[{\"Subnet\":"
		    "\"10.1.0.0/16\",\"IPRange\":\"10.1.0.0/17\"}]}}",
	       &n) == 0,
	    "a network of ours");
	address_text(n.first, first);
	address_text(n.last, last);
	ok(strcmp(first, "10.1.128.0") == 0 &&
		strcmp(last, "10.1.255.254") == 0,
	    "fixed addresses are the upper half but for the broadcast one");
	ok(read_net("{\"IPAM\":{\"Config\":[{\"Subnet\":\"10.1.0.0/16\"}]}}",
	       &n) < 0,
	    "no range: unfit");
	ok(read_net("{\"IPAM\":{\"Config\":[{\"Subnet\":\"10.1.0.0/16\","
		    "\"IPRange\":\"10.1.128.0/17\"}]}}",
	       &n) < 0,
	    "nothing above the range: unfit");
	ok(read_net("{}", &n) < 0, "no configuration: unfit");
}

static void
states(void)
{
	static const char text[] =
	    "{\"State\":{\"Status\":\"exited\",\"Running\":false,\"Pid\":0,"
	    "\"OOMKilled\":true,\"ExitCode\":137,\"Error\":\"x\"},"
	    "\"Config\":{\"Labels\":{\"rcn.a.b\":\"c\"}}}";
	struct err err = { 0 };
	struct container_state s;
	json_auto_t *j = json_parse(text, strlen(text), "test", &err);

	container_state_read(j, &s);
	ok(!s.running && s.oom && s.exit_code == 137 && !s.created,
	    "how it ended");
	ok(strcmp(container_label(j, "rcn.a.b"), "c") == 0 &&
		*container_label(j, "rcn.a") == '\0',
	    "labels with dots");
	container_state_read(NULL, &s);
	ok(!s.running && s.pid == 0, "nothing known");
}

int
main(void)
{
	json_init();
	logs();
	subnets();
	routes();
	ranges();
	states();
	return tap_end();
}
