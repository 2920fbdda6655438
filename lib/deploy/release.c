#include "deploy/release.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "deploy/probe.h"

enum { POLL_MS = 10, POLL_LAST_MS = 200, SHOW_LINES = 1000 };

/* That of an earlier run of this deployment and attempt. */
static const json_t *
earlier(const json_t *ours, const struct spec *s)
{
	char number[16], attempt[16];
	json_t *c;
	size_t i;

	(void)snprintf(number, sizeof(number), "%d", s->index);
	(void)snprintf(attempt, sizeof(attempt), "%d", s->app->attempt);
	json_array_foreach(ours, i, c) {
		if (strcmp(container_label(c, "rcn.process"), "release") == 0 &&
		    strcmp(container_label(c, "rcn.index"), number) == 0 &&
		    strcmp(container_label(c, "rcn.attempt"), attempt) == 0 &&
		    strcmp(container_label(c, "rcn.deployment"),
			s->app->deployment) == 0)
			return c;
	}
	return NULL;
}

/* Waits for its end; -1 too late, or cancelled. */
static int
finish(struct engine *e, const struct instance *in, int64_t end,
    struct container_state *s, struct err *err)
{
	int64_t pause = POLL_MS;

	for (;;) {
		if (container_state(e, in->id, s, err) < 0)
			return -1;
		if (!s->running)
			return 0;
		if (clock_ms() >= end)
			return err_set(err, EX_DATAERR, "release-timeout",
			    "%s: the release command has not ended in time",
			    in->name);
		if (clock_sleep_ms(pause, err) < 0)
			return -1;
		pause = pause * 2 < POLL_LAST_MS ? pause * 2 : POLL_LAST_MS;
	}
}

static int
verdict(const struct spec *s, const struct instance *in,
    const struct container_state *state, struct err *err)
{
	if (state->exit_code == 0 && !state->oom)
		return 0;
	err_set(err, EX_DATAERR, "release-failed",
	    state->oom ? "%s: release command %d: out of memory (status %d)"
		       : "%s: release command %d: exited with status %d",
	    in->name, s->index + 1, state->exit_code);
	return err_hint(err, "see its output above; nothing was replaced");
}

/* Succeeded or on its way; one that failed is to run again. */
static int
resume(struct engine *e, struct instance *in, const json_t *c, struct err *err)
{
	struct container_state s;

	instance_keep(in, c);
	if (container_state(e, in->id, &s, err) < 0)
		return -1;
	if (s.created)
		return container_start(e, in->id, err) < 0 ? -1 : 1;
	if (s.running || (s.exit_code == 0 && !s.oom))
		return 1;
	return container_remove(e, in->id, err);
}

/* A container that ran, runs or is made for this command. */
static int
run_one(struct engine *e, const struct spec *s, const json_t *ours,
    struct err *err)
{
	const json_t *before = earlier(ours, s);
	struct container_state state = { 0 };
	struct instance in = { 0 };
	int r;

	r = before != NULL ? resume(e, &in, before, err) : 0;
	if (r < 0)
		return -1;
	if (r == 1)
		log_note("%s: goes on from an earlier run", in.name);
	else if (instance_create(&in, e, s, err) < 0 ||
		 container_start(e, in.id, err) < 0)
		return -1;
	r = finish(e, &in, clock_ms() + s->app->release_ms, &state, err);
	if (r == 0 || strcmp(err->code, "cancelled") != 0)
		instance_show_log(e, in.id, in.name, SHOW_LINES);
	return r < 0 ? -1 : verdict(s, &in, &state, err);
}

json_t *
release_run(struct engine *e, const struct spec *base, const json_t *ours,
    struct err *err)
{
	const struct commands *commands = &base->app->release;
	int64_t began = clock_ms();

	for (size_t i = 0; i < commands->n; i++) {
		auto_strvec struct strvec argv = { 0 };
		struct spec s = *base;

		command_argv(&commands->v[i], &argv);
		s.process = "release";
		s.index = (int)i;
		s.argv = &argv;
		s.address = "";
		s.port = 0;
		if (run_one(e, &s, ours, err) < 0)
			return NULL;
	}
	return json_pack("{s:i, s:I, s:i}", "status", 0, "milliseconds",
	    (json_int_t)(clock_ms() - began), "commands", (int)commands->n);
}
