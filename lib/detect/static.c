/* static - files that are served as they are: index.html here or in public/. */
#include "detect/scan.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* "root: folder" of a Staticfile. */
static bool
staticfile_root(struct scan *app, struct buf *root, int *line)
{
	auto_buf struct buf text = { 0 }, one = { 0 };
	const char *s;

	*line = 0;
	if (!scan_peek(app, "Staticfile", &text))
		return false;
	for (s = text.data; line_next(&s, &one);) {
		++*line;
		if (text_starts(buf_str(&one), "root:")) {
			buf_adds(root,
			    one.data + 5 + strspn(one.data + 5, " \t"));
			return true;
		}
	}
	return false;
}

static bool
find_root(struct scan *app, struct buf *root, const char **file, int *line)
{
	static const char *const dirs[] = { "public", "dist", "build", "_site",
		"site", "www", "html" };
	struct setting s = scan_setting(app, "static_root");

	if (json_is_string(s.v)) {
		buf_adds(root, json_string_value(s.v));
		*file = s.file != NULL ? s.file : "project";
		*line = s.line;
		return true;
	}
	*file = "Staticfile";
	if (staticfile_root(app, root, line))
		return true;
	*line = 0;
	*file = "index.html";
	if (scan_has(app, "index.html")) {
		buf_adds(root, ".");
		return true;
	}
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		auto_buf struct buf b = { 0 };

		buf_addf(&b, "%s/index.html", dirs[i]);
		if (scan_has(app, b.data)) {
			buf_adds(root, dirs[i]);
			*file = dirs[i];
			return true;
		}
	}
	return false;
}

static int
static_plan(struct scan *app, struct err *err)
{
	struct plan *plan = app->plan;
	struct setting spa = scan_setting(app, "spa");
	auto_buf struct buf root = { 0 };
	const char *file;
	int line;

	(void)err;
	if (!find_root(app, &root, &file, &line)) {
		if (scan_has(app, "index.htm"))
			scan_miss(app,
			    "index.htm is there: name it index.html");
		return 0;
	}
	plan_set(&plan->runtime, "static");
	plan_set(&plan->output, "static");
	plan_set(&plan->static_root, root.data);
	plan->spa = json_is_true(spa.v);
	scan_why(app, "runtime", "static", file, 0);
	scan_why(app, "static_root", plan->static_root, file, line);
	scan_override(app);
	(void)plan_add_process(plan, "web");
	return 1;
}

const struct runtime runtime_static = { "static",
	"index.html, public/index.html, Staticfile", static_plan };
