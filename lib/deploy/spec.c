#include "deploy/spec.h"

#include "base/json.h"

/* What all instances of a process have in common. */
static json_t *
host_config(const struct spec *s)
{
	const struct app *app = s->app;
	json_t *mounts = json_array(), *m, *h;
	size_t i;

	json_array_foreach(app->mounts, i, m) {
		const char *source = json_str(m, "source", "");

		json_array_append_new(mounts,
		    json_pack("{s:s, s:s, s:s, s:b}", "Type",
			*source == '/' ? "bind" : "volume", "Source", source,
			"Target", json_str(m, "target", ""), "ReadOnly",
			json_bool(m, "read_only", false)));
	}
	h = json_pack("{s:b, s:[s], s:I, s:I, s:{s:s, s:{s:s, s:s}}, s:{s:s}, "
		      "s:[s], s:s, s:o}",
	    "Init", 1, "SecurityOpt", "no-new-privileges", "Memory",
	    (json_int_t)app->memory, "PidsLimit", (json_int_t)app->pids,
	    "LogConfig", "Type", "json-file", "Config", "max-size", "10m",
	    "max-file", "3", "RestartPolicy", "Name", "no", "ExtraHosts",
	    "host.docker.internal:host-gateway", "NetworkMode", s->network,
	    "Mounts", mounts);
	if (app->cpus_milli > 0)
		json_object_set_new(h, "NanoCpus",
		    json_integer(app->cpus_milli * 1000000));
	return h;
}

static json_t *
common(const struct spec *s)
{
	json_t *c = json_pack("{s:i, s:o}", "StopTimeout", s->app->stop_s,
	    "HostConfig", host_config(s));

	if (s->argv != NULL && s->argv->n > 0)
		json_object_set_new(c, "Cmd", json_strvec(s->argv));
	return c;
}

void
spec_hash(const struct spec *s, char hex[65])
{
	json_auto_t *c = common(s);

	json_object_set_new(c, "image", json_text(s->image_id));
	json_object_set_new(c, "env_version", json_text(s->app->env_version));
	json_object_set_new(c, "port", json_integer(s->port));
	if (s->app->networks != NULL)
		json_object_set_new(c, "networks",
		    json_deep_copy(s->app->networks));
	if (s->app->restart != NULL)
		json_object_set_new(c, "restart", json_text(s->app->restart));
	json_hash(c, hex);
}

static json_t *
environment(const struct spec *s)
{
	json_t *env = json_array(), *v;
	const char *key;

	/* jansson's macro wants a writable object; it is only read */
	json_object_foreach((json_t *)(uintptr_t)s->app->env, key, v) {
		json_array_append_new(env,
		    json_sprintf("%s=%s", key, json_str(v, "value", "")));
	}
	if (s->port > 0 && app_variable(s->app, "PORT") == NULL)
		json_array_append_new(env, json_sprintf("PORT=%d", s->port));
	return env;
}

static json_t *
labels(const struct spec *s)
{
	json_t *l = json_object();
	char hex[65];

	spec_hash(s, hex);
	json_object_set_new(l, "rcn.installation", json_text(s->installation));
	json_object_set_new(l, "rcn.project", json_text(s->app->slug));
	json_object_set_new(l, "rcn.environment",
	    json_text(s->app->environment));
	json_object_set_new(l, "rcn.process", json_text(s->process));
	json_object_set_new(l, "rcn.index", json_sprintf("%d", s->index));
	json_object_set_new(l, "rcn.deployment", json_text(s->app->deployment));
	json_object_set_new(l, "rcn.attempt",
	    json_sprintf("%d", s->app->attempt));
	json_object_set_new(l, "rcn.spec", json_text(hex));
	json_object_set_new(l, "rcn.address", json_text(s->address));
	json_object_set_new(l, "rcn.port", json_sprintf("%d", s->port));
	return l;
}

json_t *
spec_make(const struct spec *s)
{
	json_t *c = common(s), *endpoint = json_object();

	if (*s->address != '\0')
		json_object_set_new(endpoint, "IPAMConfig",
		    json_pack("{s:s}", "IPv4Address", s->address));
	json_object_set_new(c, "Image", json_text(s->image));
	json_object_set_new(c, "Env", environment(s));
	json_object_set_new(c, "Labels", labels(s));
	json_object_set_new(c, "NetworkingConfig",
	    json_pack("{s:{s:o}}", "EndpointsConfig", s->network, endpoint));
	return c;
}
