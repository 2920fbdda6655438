/* dockerfile - the repository's own Dockerfile, taken as it is. */
#include "detect/scan.h"

#include <string.h>

#include "base/json.h"
#include "parse/dockerfile.h"

static const char *
find_file(struct scan *app, struct err *err)
{
	static const char *const names[] = { "Dockerfile", "Containerfile",
		NULL };
	const char *said =
	    scan_set_string(app, "dockerfile", &app->plan->dockerfile);

	if (said == NULL)
		return scan_first(app, names);
	if (!scan_has(app, said)) {
		err_set(err, EX_DATAERR, "no-dockerfile",
		    "%s: is not in the tree", said);
		err_hint(err, "`dockerfile` is a path from the app's folder");
		return NULL;
	}
	return said;
}

static int
read_file(struct scan *app, struct err *err)
{
	struct plan *plan = app->plan;
	auto_buf struct buf text = { 0 }, port = { 0 };
	json_auto_t *df = NULL;
	json_t *base;
	size_t i;
	struct process *web = plan_add_process(plan, "web");

	if (scan_read(app, plan->dockerfile, SCAN_FILE_MAX, &text, err) != 1)
		return -1;
	df = dockerfile_parse(buf_str(&text), text.len, plan->target,
	    plan->dockerfile, err);
	if (df == NULL)
		return -1;
	json_array_foreach(json_object_get(df, "bases"), i, base)
		strvec_add(&plan->bases, json_string_value(base));
	web->port =
	    (int)json_integer_value(json_array_get(json_object_get(df, "ports"),
		0));
	if (web->port != 0) {
		buf_addf(&port, "%d", web->port);
		scan_why(app, "port", port.data, plan->dockerfile,
		    (int)json_int(df, "line", 0));
	}
	return 0;
}

static int
own_plan(struct scan *app, struct err *err)
{
	struct plan *plan = app->plan;
	const char *path = find_file(app, err);

	if (path == NULL)
		return err->status != 0 ? -1 : 0;
	if (plan->dockerfile == NULL)
		plan_set(&plan->dockerfile, path);
	plan_set(&plan->runtime, "dockerfile");
	scan_why(app, "runtime", "dockerfile", plan->dockerfile, 0);
	(void)scan_set_string(app, "target", &plan->target);
	if (scan_set_string(app, "context", &plan->context) == NULL)
		plan_set(&plan->context, ".");
	if (read_file(app, err) < 0)
		return -1;
	scan_override(app);
	(void)start_given(app);
	return 1;
}

/* Often named in .dockerignore, which is no word against it. */
static int
dockerfile_plan(struct scan *app, struct err *err)
{
	int got;

	scan_unfilter(app, true);
	got = own_plan(app, err);
	scan_unfilter(app, false);
	return got;
}

const struct runtime runtime_dockerfile = { "dockerfile",
	"Dockerfile, Containerfile", dockerfile_plan };
