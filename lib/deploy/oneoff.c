#include "deploy/oneoff.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "deploy/instance.h"
#include "engine/attach.h"

enum { NAME_BYTES = 4, ANSWER_MAX = 65536, ENDED_TRIES = 100 };

/* Not the engine's ctrl-p ctrl-q, which people type in shells. */
#define DETACH_KEYS "ctrl-_,ctrl-^,ctrl-_"

struct at_work {
	const struct oneoff *o;
	const char *id; /* of the container, or of the exec */
	bool exec;
	int signals; /* that have come */
};

/* ---- what the terminal and signals do ---- */

static void
resize(unsigned rows, unsigned columns, void *ctx)
{
	const struct at_work *w = ctx;
	auto_free char *path = mem_printf("/%s/%s/resize?h=%u&w=%u",
	    w->exec ? "exec" : "containers", w->id, rows, columns);
	struct err ignored = { 0 };
	int status = 0;

	(void)engine_call(w->o->e, "POST", path, NULL, &status, NULL, &ignored);
}

static json_t *
exec_look(const struct at_work *w, struct err *err)
{
	auto_free char *path = mem_printf("/exec/%s/json", w->id);
	json_t *v = NULL;

	return engine_call(w->o->e, "GET", path, NULL, NULL, &v, err) < 0 ? NULL
									  : v;
}

/* The engine passes no signal to an exec; its process is on this host. */
static void
pass_to_exec(const struct at_work *w, int sig)
{
	struct err ignored = { 0 };
	json_auto_t *v = exec_look(w, &ignored);
	int64_t pid = json_int(v, "Pid", 0);

	if (json_bool(v, "Running", false) && pid > 1)
		(void)kill((pid_t)pid, sig);
}

static void
pass_signal(int sig, void *ctx)
{
	struct at_work *w = ctx;
	struct err err = { 0 };
	char name[16];

	/* Who asks a third time means it. */
	if (++w->signals > 2)
		sig = SIGKILL;
	(void)snprintf(name, sizeof(name), "%d", sig);
	if (w->exec)
		pass_to_exec(w, sig);
	else if (container_kill(w->o->e, w->id, name, &err) < 0)
		log_warn("%s", err.msg);
}

static int
join(struct at_work *w, struct hijack *h, struct err *err)
{
	const struct attach a = { .tty = w->o->tty,
		.signal = pass_signal,
		.resize = resize,
		.ctx = w };

	return attach_run(h, &a, err);
}

/* A call was hijacked: is its answer what it should be? */
static int
accepted(struct hijack *h, const char *what, struct err *err)
{
	char text[512];
	int status = 0;
	ssize_t n;

	if (hijack_answer(h, &status, err) < 0)
		return -1;
	if (status == 101 || status == 200)
		return 0;
	n = hijack_read(h, text, sizeof(text), err);
	return err_set(err, EX_PROTOCOL, "engine-refused",
	    "engine: %s: %.*s (HTTP %d)", what, n > 0 ? (int)n : 0, text,
	    status);
}

/* ---- a container of its own ---- */

static json_t *
body_of(const struct oneoff *o, const json_t *spec, struct err *err)
{
	json_t *body = json_deep_copy(spec), *host;
	const char *installation = conf_installation(err);

	if (installation == NULL) {
		json_decref(body);
		return NULL;
	}
	/* An image has the label of its project, and what has that and is not
	 * served is removed. */
	json_object_set_new(body, "Labels",
	    json_pack("{s:s, s:s, s:s, s:s}", "rcn.installation", installation,
		"rcn.project", "", "rcn.run", o->slug, "rcn.environment",
		o->environment));
	json_object_set_new(body, "Cmd", json_strvec(o->argv));
	json_object_set_new(body, "Tty", json_boolean(o->tty));
	json_object_update_new(body,
	    json_pack("{s:b, s:b, s:b, s:b, s:b}", "OpenStdin", 1, "StdinOnce",
		1, "AttachStdin", 1, "AttachStdout", 1, "AttachStderr", 1));
	host = json_object_get(body, "HostConfig");
	json_object_set_new(host, "AutoRemove", json_true());
	json_object_set_new(host, "LogConfig",
	    json_pack("{s:s}", "Type", "none"));
	json_object_del(host, "RestartPolicy");
	json_object_del(body, "NetworkingConfig");
	return body;
}

/* The status in the answer to "wait", which comes when all is over. */
static int
waited(struct hijack *h, int *status, struct err *err)
{
	auto_buf struct buf b = { 0 };
	json_auto_t *v = NULL;
	char piece[1024], *from, *to;
	int http = 0;
	ssize_t n;

	if (hijack_answer(h, &http, err) < 0)
		return -1;
	while ((n = hijack_read(h, piece, sizeof(piece), err)) != 0 &&
	       b.len < ANSWER_MAX) {
		if (n == HIJACK_NONE)
			hijack_wait(h, 1000);
		else if (n < 0)
			return -1;
		else
			buf_add(&b, piece, (size_t)n);
		/* Chunks have lines of their own around the object. */
		from = b.len > 0 ? strchr(b.data, '{') : NULL;
		to = from != NULL ? strrchr(from, '}') : NULL;
		if (to == NULL)
			continue;
		v = json_parse(from, (size_t)(to - from) + 1, "engine", err);
		if (v != NULL)
			break;
		*err = (struct err){ 0 };
	}
	*status = (int)json_int(v, "StatusCode", -1);
	if (http == 200 && *status >= 0)
		return 0;
	return err_set(err, EX_PROTOCOL, "engine-answer",
	    "engine: wait: %.200s (HTTP %d)", buf_str(&b), http);
}

/* 126 and 127 as a shell has them, where the engine could not begin it. */
static int
not_begun(const struct oneoff *o, int *status, struct err *err)
{
	if (strcmp(err->code, "not-startable") != 0)
		return -1;
	*status = strstr(err->msg, "ermission denied") != NULL ? 126 : 127;
	log_warn("%s: %s", o->argv->v[0], err->msg);
	*err = (struct err){ 0 };
	return 0;
}

static int
run_container(struct at_work *w, const json_t *networks, int *status,
    struct err *err)
{
	auto_hijack struct hijack *wait = NULL, *streams = NULL;
	auto_free char *wait_path =
	    mem_printf("/containers/%s/wait?condition=removed", w->id);
	auto_free char *path =
	    mem_printf("/containers/%s/"
		       "attach?stream=1&stdin=1&stdout=1&stderr=1"
		       "&detachKeys=" DETACH_KEYS,
		w->id);
	json_t *name;
	size_t i;

	json_array_foreach(networks, i, name) {
		if (network_join(w->o->e, json_string_value(name), w->id, err) <
		    0)
			return -1;
	}
	/* Both before the start: nothing of it is missed. */
	if (engine_hijack(w->o->e, "POST", wait_path, NULL, NULL, NULL, &wait,
		err) < 0 ||
	    engine_hijack(w->o->e, "POST", path, NULL, NULL, "tcp", &streams,
		err) < 0 ||
	    accepted(streams, "attach", err) < 0)
		return -1;
	if (container_start(w->o->e, w->id, err) < 0) {
		struct err ignored = { 0 };

		(void)container_remove(w->o->e, w->id, &ignored);
		return not_begun(w->o, status, err);
	}
	if (join(w, streams, err) < 0) {
		struct err ignored = { 0 };

		(void)container_remove(w->o->e, w->id, &ignored);
		return -1;
	}
	return waited(wait, status, err);
}

int
oneoff_run(const struct oneoff *o, const json_t *spec, const json_t *networks,
    int *status, struct err *err)
{
	json_auto_t *body = body_of(o, spec, err);
	char id[CONTAINER_ID], hex[NAME_BYTES * 2 + 1];
	struct at_work w = { .o = o, .id = id };
	unsigned char random[NAME_BYTES];
	auto_free char *name = NULL;
	struct err ignored = { 0 };

	if (body == NULL)
		return -1;
	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), hex);
	name = mem_printf("%s.%s.run.%s", o->slug, o->environment, hex);
	if (container_create(o->e, name, body, id, err) < 0)
		return -1;
	if (run_container(&w, networks, status, err) == 0)
		return 0;
	(void)container_remove(o->e, id, &ignored);
	return -1;
}

/* ---- in an instance ---- */

/* The stream may end a moment before the engine has its status. */
static int
exec_status(const struct at_work *w, int *status, struct err *err)
{
	for (int i = 0; i < ENDED_TRIES; i++) {
		json_auto_t *v = exec_look(w, err);

		if (v == NULL)
			return -1;
		if (!json_bool(v, "Running", false)) {
			*status = (int)json_int(v, "ExitCode", 1);
			return 0;
		}
		if (clock_sleep_ms(20, err) < 0)
			return -1;
	}
	return err_set(err, EX_PROTOCOL, "engine-answer",
	    "engine: exec: its streams have ended, it has not");
}

int
oneoff_exec(const struct oneoff *o, const char *container, int *status,
    struct err *err)
{
	auto_hijack struct hijack *h = NULL;
	json_auto_t *out = NULL;
	json_auto_t *body =
	    json_pack("{s:b, s:b, s:b, s:b, s:s, s:o}", "AttachStdin", 1,
		"AttachStdout", 1, "AttachStderr", 1, "Tty", (int)o->tty,
		"DetachKeys", DETACH_KEYS, "Cmd", json_strvec(o->argv));
	json_auto_t *start =
	    json_pack("{s:b, s:b}", "Detach", 0, "Tty", (int)o->tty);
	auto_free char *path = mem_printf("/containers/%s/exec", container);
	struct at_work w = { .o = o, .exec = true };

	if (engine_call(o->e, "POST", path, body, NULL, &out, err) < 0)
		return -1;
	w.id = json_str(out, "Id", "");
	free(path);
	path = mem_printf("/exec/%s/start", w.id);
	if (engine_hijack(o->e, "POST", path, NULL, start, "tcp", &h, err) <
		0 ||
	    accepted(h, "exec", err) < 0 || join(&w, h, err) < 0)
		return -1;
	return exec_status(&w, status, err);
}

/* ---- instances that are there ---- */

static bool
fits(const json_t *c, const struct oneoff *o, const char *process, int index)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", index);
	return strcmp(json_str(c, "State", ""), "running") == 0 &&
	       strcmp(container_label(c, "rcn.environment"), o->environment) ==
		   0 &&
	       (process == NULL ||
		   strcmp(container_label(c, "rcn.process"), process) == 0) &&
	       (index < 0 ||
		   strcmp(container_label(c, "rcn.index"), number) == 0) &&
	       !instance_is_old(c);
}

/* Of all that fit the newest, since the engine lists them so; web first. */
char *
oneoff_instance(const struct oneoff *o, const char *process, int index,
    struct err *err)
{
	auto_free char *label = mem_printf("rcn.project=%s", o->slug);
	json_auto_t *list = container_list(o->e, label, err);
	const char *tries[] = { process != NULL ? process : "web", process };
	json_t *c;
	size_t i;

	if (list == NULL)
		return NULL;
	for (size_t k = 0; k < 2; k++)
		json_array_foreach(list, i, c) {
			if (fits(c, o, tries[k], index))
				return mem_strdup(json_str(c, "Id", ""));
		}
	err_set(err, EX_NOINPUT, "app-missing",
	    "%s (%s): no such instance runs", o->slug, o->environment);
	return NULL;
}

json_t *
oneoff_like(struct engine *e, const char *container, json_t **networks,
    struct err *err)
{
	static const char *const same[] = { "Init", "SecurityOpt", "Memory",
		"PidsLimit", "NanoCpus", "ExtraHosts", "NetworkMode",
		"Mounts" };
	json_auto_t *c = container_inspect(e, container, err);
	json_t *host = json_object(), *v;
	const char *name, *main_one;

	if (c == NULL) {
		json_decref(host);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		v = json_object_get(json_object_get(c, "HostConfig"), same[i]);
		if (v != NULL && !json_is_null(v))
			json_object_set(host, same[i], v);
	}
	main_one = json_str(host, "NetworkMode", "");
	*networks = json_array();
	json_object_foreach(json_at(c, "NetworkSettings.Networks"), name, v) {
		if (strcmp(name, main_one) != 0)
			json_array_append_new(*networks, json_text(name));
	}
	return json_pack("{s:s, s:O, s:o}", "Image", json_str(c, "Image", ""),
	    "Env", json_at(c, "Config.Env"), "HostConfig", host);
}
