#include "plan/plan.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "plan/schedule.h"

/* The plain members, by name: one row serves both directions. */
enum member { STRING, FLAG, LIST, COMMANDS };

static const struct {
	const char *name;
	enum member type;
	size_t at;
} members[] = {
	{ "runtime", STRING, offsetof(struct plan, runtime) },
	{ "version", STRING, offsetof(struct plan, version) },
	{ "framework", STRING, offsetof(struct plan, framework) },
	{ "package_manager", STRING, offsetof(struct plan, package_manager) },
	{ "package_manager_version", STRING,
	    offsetof(struct plan, package_manager_version) },
	{ "output", STRING, offsetof(struct plan, output) },
	{ "install", COMMANDS, offsetof(struct plan, install) },
	{ "build", COMMANDS, offsetof(struct plan, build) },
	{ "release", COMMANDS, offsetof(struct plan, release) },
	{ "static_root", STRING, offsetof(struct plan, static_root) },
	{ "prune", FLAG, offsetof(struct plan, prune) },
	{ "prepare", FLAG, offsetof(struct plan, prepare) },
	{ "spa", FLAG, offsetof(struct plan, spa) },
	{ "health_path", STRING, offsetof(struct plan, health_path) },
	{ "manifests", LIST, offsetof(struct plan, manifests) },
	{ "packages", LIST, offsetof(struct plan, packages) },
	{ "build_packages", LIST, offsetof(struct plan, build_packages) },
	{ "build_env", LIST, offsetof(struct plan, build_env) },
	{ "artifacts", LIST, offsetof(struct plan, artifacts) },
	{ "assets", LIST, offsetof(struct plan, assets) },
	{ "extensions", LIST, offsetof(struct plan, extensions) },
	{ "node", STRING, offsetof(struct plan, node) },
	{ "dockerfile", STRING, offsetof(struct plan, dockerfile) },
	{ "context", STRING, offsetof(struct plan, context) },
	{ "target", STRING, offsetof(struct plan, target) },
	{ "bases", LIST, offsetof(struct plan, bases) },
	{ "warnings", LIST, offsetof(struct plan, warnings) },
};

enum { N_MEMBERS = sizeof(members) / sizeof(*members), PROCESSES_MAX = 64 };

static const char *const kinds[] = { "web", "worker", "cron" };

static void *
member_at(const struct plan *p, size_t i)
{
	return (char *)(uintptr_t)p + members[i].at;
}

static void *
grow(void *list, size_t n, size_t size)
{
	char *more = mem_realloc(list, n + 1, size);

	memset(more + n * size, 0, size);
	return more;
}

void
plan_set(char **member, const char *value)
{
	char *copy = value != NULL ? mem_strdup(value) : NULL;

	free(*member);
	*member = copy;
}

void
command_release(struct command *c)
{
	strvec_release(&c->argv);
	c->shell = false;
}

void
commands_release(struct commands *list)
{
	for (size_t i = 0; i < list->n; i++)
		command_release(&list->v[i]);
	free(list->v);
	*list = (struct commands){ 0 };
}

void
plan_release(struct plan *p)
{
	for (size_t i = 0; i < N_MEMBERS; i++) {
		void *at = member_at(p, i);

		if (members[i].type == STRING)
			free(*(char **)at);
		else if (members[i].type == LIST)
			strvec_release(at);
		else if (members[i].type == COMMANDS)
			commands_release(at);
	}
	for (size_t i = 0; i < p->n_processes; i++) {
		free(p->processes[i].name);
		free(p->processes[i].schedule);
		command_release(&p->processes[i].command);
	}
	for (size_t i = 0; i < p->n_candidates; i++) {
		free(p->candidates[i].path);
		free(p->candidates[i].runtime);
		free(p->candidates[i].reason);
	}
	for (size_t i = 0; i < p->n_why; i++) {
		free(p->why[i].fact);
		free(p->why[i].value);
		free(p->why[i].file);
		free(p->why[i].over);
	}
	free(p->processes);
	free(p->candidates);
	free(p->why);
	*p = (struct plan){ 0 };
}

bool
plan_is(const struct plan *p, const char *runtime)
{
	return p->runtime != NULL && strcmp(p->runtime, runtime) == 0;
}

const struct process *
plan_process(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n_processes; i++)
		if (strcmp(p->processes[i].name, name) == 0)
			return &p->processes[i];
	return NULL;
}

struct process *
plan_add_process(struct plan *p, const char *name)
{
	struct process *one;

	for (size_t i = 0; i < p->n_processes; i++)
		if (strcmp(p->processes[i].name, name) == 0)
			return &p->processes[i];
	p->processes = grow(p->processes, p->n_processes, sizeof(*one));
	one = &p->processes[p->n_processes++];
	one->name = mem_strdup(name);
	one->kind = strcmp(name, "web") == 0 ? PROCESS_WEB : PROCESS_WORKER;
	return one;
}

void
plan_add_why(struct plan *p, const char *fact, const char *value,
    const char *file, int line, const char *over)
{
	struct plan_why *w;

	p->why = grow(p->why, p->n_why, sizeof(*w));
	w = &p->why[p->n_why++];
	plan_set(&w->fact, fact);
	plan_set(&w->value, value);
	plan_set(&w->file, file);
	plan_set(&w->over, over);
	w->line = line;
}

void
plan_warn(struct plan *p, const char *fmt, ...)
{
	auto_buf struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (!strvec_has(&p->warnings, buf_str(&b)))
		strvec_add(&p->warnings, buf_str(&b));
}

void
command_argv(const struct command *c, struct strvec *argv)
{
	if (c->shell) {
		strvec_add(argv, "/bin/sh");
		strvec_add(argv, "-c");
	}
	for (size_t i = 0; i < c->argv.n; i++)
		strvec_add(argv, c->argv.v[i]);
}

static bool
is_plain(const char *word)
{
	return *word != '\0' &&
	       word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789"
				 "@%+=:,./_-")] == '\0';
}

void
command_text(const struct command *c, struct buf *b)
{
	for (size_t i = 0; i < c->argv.n; i++) {
		const char *word = c->argv.v[i];

		if (i > 0)
			buf_addc(b, ' ');
		if (c->shell || is_plain(word)) {
			buf_adds(b, word);
			continue;
		}
		buf_addc(b, '\'');
		for (; *word != '\0'; word++)
			buf_adds(b,
			    *word == '\'' ? "'\\''" : (char[]){ *word, '\0' });
		buf_addc(b, '\'');
	}
}

void
command_shell(struct command *c, const char *text)
{
	command_release(c);
	strvec_add(&c->argv, text);
	c->shell = true;
}

struct command *
commands_add(struct commands *list)
{
	list->v = grow(list->v, list->n, sizeof(*list->v));
	return &list->v[list->n++];
}

json_t *
command_encode(const struct command *c)
{
	return c->shell && c->argv.n == 1 ? json_text(c->argv.v[0])
					  : json_strvec(&c->argv);
}

static int
strings_decode(struct strvec *v, const json_t *list, const char *what,
    struct err *err)
{
	size_t i;
	json_t *one;

	if (!json_is_array(list))
		return err_set(err, EX_DATAERR, "bad-plan",
		    "%s: not a list of strings", what);
	json_array_foreach(list, i, one) {
		if (!json_is_string(one))
			return err_set(err, EX_DATAERR, "bad-plan",
			    "%s: item %zu is not a string", what, i + 1);
		strvec_add(v, json_string_value(one));
	}
	return 0;
}

int
command_decode(struct command *c, const json_t *v, const char *what,
    struct err *err)
{
	if (json_is_array(v))
		return strings_decode(&c->argv, v, what, err);
	if (!json_is_string(v) || *json_string_value(v) == '\0')
		return err_set(err, EX_DATAERR, "bad-plan",
		    "%s: not a command: a string or a list of strings", what);
	command_shell(c, json_string_value(v));
	return 0;
}

int
commands_decode(struct commands *list, const json_t *v, const char *what,
    struct err *err)
{
	size_t i;
	json_t *one;

	if (!json_is_array(v))
		return err_set(err, EX_DATAERR, "bad-plan",
		    "%s: not a list of commands", what);
	json_array_foreach(v, i, one)
		if (command_decode(commands_add(list), one, what, err) < 0)
			return -1;
	return 0;
}

static void
set_text(json_t *o, const char *key, const char *value)
{
	if (value != NULL)
		json_object_set_new(o, key, json_text(value));
}

static json_t *
member_encode(const void *at, enum member type)
{
	const struct commands *list = at;
	json_t *v;

	switch (type) {
	case STRING:
		return *(char *const *)at ? json_text(*(char *const *)at)
					  : NULL;
	case FLAG:
		return json_boolean(*(const bool *)at);
	case LIST:
		return json_strvec(at);
	case COMMANDS:
		break;
	}
	v = json_array();
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(v, command_encode(&list->v[i]));
	return v;
}

static json_t *
process_encode(const struct process *one)
{
	json_t *o = json_object();

	set_text(o, "name", one->name);
	set_text(o, "kind", kinds[one->kind]);
	if (one->command.argv.n > 0)
		json_object_set_new(o, "command",
		    command_encode(&one->command));
	if (one->port != 0)
		json_object_set_new(o, "port", json_integer(one->port));
	set_text(o, "schedule", one->schedule);
	return o;
}

static json_t *
why_encode(const struct plan_why *w)
{
	json_t *o = json_object();

	set_text(o, "fact", w->fact);
	set_text(o, "value", w->value);
	set_text(o, "file", w->file);
	if (w->line > 0)
		json_object_set_new(o, "line", json_integer(w->line));
	set_text(o, "over", w->over);
	return o;
}

json_t *
plan_encode(const struct plan *p)
{
	json_t *plan = json_object(), *list = json_array(), *o;

	for (size_t i = 0; i < N_MEMBERS; i++) {
		json_t *v = member_encode(member_at(p, i), members[i].type);

		if (v != NULL)
			json_object_set_new(plan, members[i].name, v);
	}
	for (size_t i = 0; i < p->n_processes; i++)
		json_array_append_new(list, process_encode(&p->processes[i]));
	json_object_set_new(plan, "processes", list);
	list = json_array();
	for (size_t i = 0; i < p->n_candidates; i++) {
		o = json_object();
		set_text(o, "path", p->candidates[i].path);
		set_text(o, "runtime", p->candidates[i].runtime);
		set_text(o, "reason", p->candidates[i].reason);
		json_array_append_new(list, o);
	}
	json_object_set_new(plan, "candidates", list);
	list = json_array();
	for (size_t i = 0; i < p->n_why; i++)
		json_array_append_new(list, why_encode(&p->why[i]));
	json_object_set_new(plan, "why", list);
	return plan;
}

static int
member_decode(void *at, enum member type, const char *name, const json_t *v,
    struct err *err)
{
	switch (type) {
	case STRING:
		if (!json_is_string(v))
			return err_set(err, EX_DATAERR, "bad-plan",
			    "plan.%s: not a string", name);
		plan_set(at, json_string_value(v));
		return 0;
	case FLAG:
		if (!json_is_boolean(v))
			return err_set(err, EX_DATAERR, "bad-plan",
			    "plan.%s: not true or false", name);
		*(bool *)at = json_is_true(v);
		return 0;
	case LIST:
		return strings_decode(at, v, name, err);
	case COMMANDS:
		break;
	}
	return commands_decode(at, v, name, err);
}

/* 3: no kind. */
static size_t
kind_of(const char *name)
{
	size_t k = 0;

	while (k < 3 && (name == NULL || strcmp(name, kinds[k]) != 0))
		k++;
	return k;
}

int
process_setting(const json_t *o, const char *code, const char *what,
    enum process_kind *kind, const char **schedule, struct err *err)
{
	const json_t *said = json_object_get(o, "kind");
	const json_t *when = json_object_get(o, "schedule");
	size_t k = kind_of(json_string_value(said));

	*schedule = json_string_value(when);
	if (!json_is_object(o))
		return err_set(err, EX_DATAERR, code, "%s: not an object",
		    what);
	if (said != NULL && k == 3)
		return err_set(err, EX_DATAERR, code,
		    "%s: kind: not web, worker or cron", what);
	if (when != NULL && (*schedule == NULL || !schedule_ok(*schedule))) {
		err_set(err, EX_DATAERR, code, "%s: schedule: not a schedule",
		    what);
		return err_hint(err,
		    "five fields as in crontab(5), \"0 3 * * *\"");
	}
	if (when != NULL && said != NULL && k != PROCESS_CRON)
		return err_set(err, EX_DATAERR, code,
		    "%s: schedule: only for the kind cron", what);
	if (said != NULL)
		*kind = (enum process_kind)k;
	if (when != NULL)
		*kind = PROCESS_CRON;
	return 0;
}

static int
process_decode(struct plan *p, const json_t *o, struct err *err)
{
	const char *name = json_str(o, "name", NULL);
	const char *schedule = json_str(o, "schedule", NULL);
	const json_t *command = json_object_get(o, "command");
	int64_t port = json_int(o, "port", 0);
	struct process *one;
	size_t k = kind_of(json_str(o, "kind", "web"));

	if (name == NULL || !text_is_slug(name))
		return err_set(err, EX_DATAERR, "bad-plan",
		    "plan.processes: '%s' is not a name: use a-z, 0-9 and -",
		    name != NULL ? name : "");
	if (k == 3 || port < 0 || port > 65535 ||
	    (schedule != NULL && !schedule_ok(schedule)))
		return err_set(err, EX_DATAERR, "bad-plan",
		    "plan.processes: %s: bad %s", name,
		    k == 3                     ? "kind"
		    : port < 0 || port > 65535 ? "port"
					       : "schedule");
	if (p->n_processes >= PROCESSES_MAX || plan_process(p, name) != NULL)
		return err_set(err, EX_DATAERR, "bad-plan",
		    "plan.processes: %s: %s", name,
		    p->n_processes >= PROCESSES_MAX ? "too many"
						    : "named twice");
	one = plan_add_process(p, name);
	one->kind = (enum process_kind)k;
	one->port = (int)port;
	plan_set(&one->schedule, schedule);
	return command == NULL
		   ? 0
		   : command_decode(&one->command, command, name, err);
}

static void
rest_decode(struct plan *p, const json_t *v)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(v, "candidates"), i, o) {
		struct plan_candidate *c;

		p->candidates =
		    grow(p->candidates, p->n_candidates, sizeof(*c));
		c = &p->candidates[p->n_candidates++];
		plan_set(&c->path, json_str(o, "path", ""));
		plan_set(&c->runtime, json_str(o, "runtime", NULL));
		plan_set(&c->reason, json_str(o, "reason", NULL));
	}
	json_array_foreach(json_object_get(v, "why"), i, o)
		plan_add_why(p, json_str(o, "fact", ""),
		    json_str(o, "value", NULL), json_str(o, "file", NULL),
		    (int)json_int(o, "line", 0), json_str(o, "over", NULL));
}

int
plan_decode(struct plan *p, const json_t *v, struct err *err)
{
	size_t i;
	json_t *o;

	if (!json_is_object(v))
		return err_set(err, EX_DATAERR, "bad-plan",
		    "plan: not an object");
	for (i = 0; i < N_MEMBERS; i++) {
		o = json_object_get(v, members[i].name);
		if (o != NULL && member_decode(member_at(p, i), members[i].type,
				     members[i].name, o, err) < 0)
			return -1;
	}
	json_array_foreach(json_object_get(v, "processes"), i, o)
		if (process_decode(p, o, err) < 0)
			return -1;
	rest_decode(p, v);
	return 0;
}
