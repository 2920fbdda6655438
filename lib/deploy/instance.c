#include "deploy/instance.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

enum { SHORT = 8 };
#define OLD ".old"

const char *
instance_name(const json_t *c)
{
	const char *s =
	    json_string_value(json_array_get(json_object_get(c, "Names"), 0));

	if (s == NULL)
		s = json_str(c, "Name", "");
	return *s == '/' ? s + 1 : s;
}

bool
instance_is_old(const json_t *c)
{
	return text_ends(instance_name(c), OLD);
}

json_t *
instance_ours(const json_t *list, const char *environment)
{
	json_t *ours = json_array(), *c;
	size_t i;

	json_array_foreach(list, i, c) {
		if (environment == NULL ||
		    strcmp(container_label(c, "rcn.environment"),
			environment) == 0)
			json_array_append(ours, c);
	}
	return ours;
}

json_t *
instance_find(const json_t *ours, const char *process, int index,
    const char *hash)
{
	char number[16];
	json_t *c;
	size_t i;

	(void)snprintf(number, sizeof(number), "%d", index);
	json_array_foreach(ours, i, c) {
		if (strcmp(json_str(c, "State", ""), "running") == 0 &&
		    strcmp(container_label(c, "rcn.process"), process) == 0 &&
		    strcmp(container_label(c, "rcn.index"), number) == 0 &&
		    strcmp(container_label(c, "rcn.spec"), hash) == 0 &&
		    !instance_is_old(c))
			return c;
	}
	return NULL;
}

static void
copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from);
}

void
instance_keep(struct instance *in, const json_t *c)
{
	in->kept = true;
	copy(in->id, sizeof(in->id), json_str(c, "Id", ""));
	copy(in->name, sizeof(in->name), instance_name(c));
	copy(in->address, sizeof(in->address),
	    container_label(c, "rcn.address"));
	copy(in->spec, sizeof(in->spec), container_label(c, "rcn.spec"));
	copy(in->deployment, sizeof(in->deployment),
	    container_label(c, "rcn.deployment"));
}

/* The end of an id: the front of a UUIDv7 is the time, alike for a minute. */
static const char *
tail_of(const char *id)
{
	size_t n = strlen(id);

	return n > SHORT ? id + n - SHORT : id;
}

static void
set_name(struct instance *in, const struct spec *s, bool again)
{
	char extra[12] = "";
	unsigned char r[4];

	if (again) {
		random_bytes(r, sizeof(r));
		extra[0] = '.';
		hex_encode(r, sizeof(r), extra + 1);
	}
	(void)snprintf(in->name, sizeof(in->name), "%s.%s.%s.%d.%s%s",
	    s->app->slug, s->app->environment, s->process, s->index,
	    tail_of(s->app->deployment), extra);
}

static int
join_networks(struct engine *e, const struct app *app, const char *id,
    struct err *err)
{
	json_t *name;
	size_t i;

	json_array_foreach(app->networks, i, name) {
		if (network_join(e, json_string_value(name), id, err) < 0)
			return -1;
	}
	return 0;
}

int
instance_create(struct instance *in, struct engine *e, const struct spec *s,
    struct err *err)
{
	json_auto_t *body = spec_make(s);
	int r;

	spec_hash(s, in->spec);
	copy(in->deployment, sizeof(in->deployment), s->app->deployment);
	set_name(in, s, false);
	r = container_create(e, in->name, body, in->id, err);
	if (r < 0 && strcmp(err->code, "name-taken") == 0) {
		/* an earlier run of this deployment made it otherwise */
		*err = (struct err){ 0 };
		set_name(in, s, true);
		r = container_create(e, in->name, body, in->id, err);
	}
	if (r < 0 || join_networks(e, s->app, in->id, err) < 0)
		return -1;
	return 0;
}

int
instance_mark_old(struct engine *e, const char *id, const char *name,
    struct err *err)
{
	char old[200];

	if (text_ends(name, OLD))
		return 0;
	(void)snprintf(old, sizeof(old), "%s.%.6s" OLD, name, id);
	return container_rename(e, id, old, err);
}

bool
instance_serves(const json_t *c, const struct route *route)
{
	const char *address = container_label(c, "rcn.address");
	size_t n = strlen(address);

	if (strcmp(container_label(c, "rcn.process"), "release") == 0)
		return false;
	for (size_t i = 0; n > 0 && i < route->addrs.n; i++)
		if (strncmp(route->addrs.v[i], address, n) == 0 &&
		    route->addrs.v[i][n] == ':')
			return true;
	return strcmp(container_label(c, "rcn.port"), "0") == 0 &&
	       route->deployment != NULL && *route->deployment != '\0' &&
	       strcmp(container_label(c, "rcn.deployment"),
		   route->deployment) == 0;
}

/* Made by this deployment, by this attempt or an earlier one. */
static bool
is_of(const json_t *c, const struct app *app)
{
	struct err err = { 0 };
	uint64_t attempt;

	return strcmp(container_label(c, "rcn.project"), app->slug) == 0 &&
	       parse_u64(container_label(c, "rcn.attempt"), 0, INT32_MAX,
		   &attempt, &err) == 0 &&
	       attempt <= (uint64_t)app->attempt;
}

int
instance_undo(struct engine *e, const struct app *app,
    const struct route *route, const struct strvec *keep, json_t *removed,
    struct err *err)
{
	auto_free char *label =
	    mem_printf("rcn.deployment=%s", app->deployment);
	json_auto_t *list = container_list(e, label, err);
	json_auto_t *ours = instance_ours(list, app->environment);
	int bad = list == NULL ? -1 : 0;
	json_t *c;
	size_t i;

	json_array_foreach(ours, i, c) {
		const char *id = json_str(c, "Id", "");

		if (strvec_has(keep, id) || instance_serves(c, route) ||
		    !is_of(c, app))
			continue;
		if (container_remove(e, id, err) < 0)
			bad = -1;
		else if (removed != NULL)
			json_array_append_new(removed,
			    json_pack("{s:s, s:s, s:s}", "id", id, "name",
				instance_name(c), "deployment",
				app->deployment));
	}
	return bad;
}

json_t *
instance_json(const struct instance *in)
{
	json_t *health = json_object();
	json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:i, s:s, s:b, "
			      "s:s, s:o}",
	    "process", in->process->name, "index", in->index, "id", in->id,
	    "name", in->name, "node", "local", "address", in->address, "port",
	    in->port, "spec", in->spec, "kept", in->kept, "deployment",
	    in->deployment, "health", health);

	json_object_set_new(health, "milliseconds",
	    json_integer(in->health.milliseconds));
	json_object_set_new(health, "tries", json_integer(in->health.tries));
	if (in->port > 0) {
		json_object_set_new(health, "path", json_text(in->health.path));
		json_object_set_new(health, "status",
		    json_integer(in->health.status));
	}
	json_object_set_new(health, "evidence",
	    in->port > 0 ? json_sprintf("GET http://%s:%d%s: %d", in->address,
			       in->port, in->health.path, in->health.status)
			 : json_sprintf("ran for %lld ms",
			       (long long)in->health.milliseconds));
	return o;
}

static void
show_line(int stream, const char *line, size_t n, void *ctx)
{
	(void)stream;
	log_raw("%s | %.*s\n", (const char *)ctx, (int)n, line);
}

void
instance_show_log(struct engine *e, const char *id, const char *name, int lines)
{
	json_auto_t *c = NULL;
	struct err err = { 0 };
	auto_free char *label = mem_strdup(name);

	c = container_inspect(e, id, &err);
	if (c == NULL || container_log(e, id, json_bool(c, "Config.Tty", false),
			     lines, show_line, label, &err) < 0)
		log_info("%s: no log: %s", name, err.msg);
}
