/* The plan's codec: what goes in comes out, and what is wrong is named. */
#include "tap.h"

#include "base/json.h"
#include "plan/plan.h"
#include "plan/schedule.h"

static const char sample[] =
    "{\"runtime\":\"nodejs\",\"version\":\"24\",\"framework\":\"express\","
    "\"install\":[\"npm ci\",[\"a\",\"b c\"]],\"build\":[],\"release\":[],"
    "\"prune\":false,\"prepare\":false,\"spa\":false,\"manifests\":[\"package."
    "json\"],\"packages\":[],"
    "\"build_packages\":[],\"build_env\":[],\"artifacts\":[],\"assets\":[\"a/"
    "\"],"
    "\"extensions\":[],\"node\":\"24\",\"bases\":[],\"warnings\":[\"w\"],"
    "\"processes\":[{\"name\":\"web\",\"kind\":\"web\",\"command\":[\"node\","
    "\"it's\"],\"port\":3000},{\"name\":\"tick\",\"kind\":\"cron\","
    "\"command\":\"echo\",\"schedule\":\"* * * * *\"}],"
    "\"candidates\":[{\"path\":\"web\",\"runtime\":\"nodejs\",\"reason\":"
    "\"package.json\"}],\"why\":[{\"fact\":\"version\",\"value\":\"24\","
    "\"file\":\".nvmrc\",\"line\":1,\"over\":\">=18\"}]}";

static void
test_round(void)
{
	struct err err = { 0 };
	auto_plan struct plan p = { 0 };
	json_auto_t *in = json_parse(sample, strlen(sample), "sample", &err);
	json_auto_t *out = NULL;
	auto_buf struct buf text = { 0 };
	auto_strvec struct strvec argv = { 0 };

	ok(plan_decode(&p, in, &err) == 0, "decodes: %s", err.msg);
	out = plan_encode(&p);
	ok(json_equal(in, out), "encodes what it decoded");
	command_text(&plan_process(&p, "web")->command, &text);
	tap_str(text.data, "node 'it'\\''s'", "an argv as a person writes it");
	command_argv(&plan_process(&p, "tick")->command, &argv);
	ok(argv.n == 3 && strcmp(argv.v[1], "-c") == 0, "a string is sh -c");
	ok(plan_process(&p, "none") == NULL, "no such process");
	ok(plan_add_process(&p, "web") == plan_process(&p, "web"),
	    "a process is added once");
	plan_warn(&p, "w");
	ok(p.warnings.n == 1, "a warning is given once");
}

static void
test_schedules(void)
{
	static const char *const good[] = { "* * * * *", "0 3 * * *",
		"*/5 0-23/2 1,15 jan-MAR mon-fri", "59\t23 31  12 7 ",
		"0,30 9-17 * * sun,6" };
	static const char *const bad[] = { "", "*", "* * * *", "* * * * * *",
		"60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
		"* * * * 8", "@daily", "5-1 * * * *", "5/2 * * * *",
		"*/0 * * * *", "1, * * * *", "-1 * * * *", "* * * foo *",
		"* * * * *; reboot", "001 * * * *" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ok(schedule_ok(good[i]), "a schedule: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(!schedule_ok(bad[i]), "no schedule: %s", bad[i]);
}

static void
test_bad(void)
{
	static const char *const bad[] = { "[]", "{\"runtime\":1}",
		"{\"spa\":\"yes\"}", "{\"manifests\":[1]}",
		"{\"install\":\"npm\"}", "{\"install\":[\"\"]}",
		"{\"processes\":[{\"kind\":\"web\"}]}",
		"{\"processes\":[{\"name\":\"A b\"}]}",
		"{\"processes\":[{\"name\":\"a\",\"kind\":\"x\"}]}",
		"{\"processes\":[{\"name\":\"a\",\"port\":70000}]}",
		"{\"processes\":[{\"name\":\"a\"},{\"name\":\"a\"}]}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = { 0 };
		auto_plan struct plan p = { 0 };
		json_auto_t *in =
		    json_parse(bad[i], strlen(bad[i]), "bad", &err);

		ok(plan_decode(&p, in, &err) < 0 && err.status == EX_DATAERR &&
			strcmp(err.code, "bad-plan") == 0,
		    "refused: %s (%s)", bad[i], err.msg);
	}
}

int
main(void)
{
	json_init();
	test_round();
	test_bad();
	test_schedules();
	return tap_end();
}
