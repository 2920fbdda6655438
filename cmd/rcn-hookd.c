/*
 * rcn-hookd - takes signed deliveries of GitHub's, Gitea's and Forgejo's
 * webhooks and records them in the spool, from which rcn-worker takes them.
 * It holds no key but the one that opens its own webhook secrets, and
 * reaches no file but those of its folder.
 */
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/sandbox.h"
#include "document/cli.h"
#include "hook/hook.h"
#include "serve/serve.h"

static const struct cli cli = {
	"rcn-hookd",
	"usage: rcn-hookd [-hqVv] [--listen address]\n",
};

static void
request_line(const struct serve_line *l, void *ctx)
{
	auto_buf struct buf b = { 0 };

	(void)ctx;
	if (log_level() < 0)
		return;
	log_pair(&b, "from", l->from);
	log_pair(&b, "method", l->method);
	log_pair(&b, "path", l->path);
	buf_addf(&b, " status=%d bytes=%llu ms=%lld%s", l->status,
	    (unsigned long long)l->size, (long long)l->ms, l->more);
	log_raw("%s:%s\n", cli.name, b.data);
}

static int
confine(const char *dir, struct err *err)
{
	const char *how = conf_get("SANDBOX", "required");
	struct sandbox box = { .required = strcmp(how, "optional") != 0 };
	int rc;

	strvec_add(&box.write, dir);
	rc = sandbox_enter(&box, err);
	sandbox_release(&box);
	if (rc < 0)
		err_hint(err, "RCN_SANDBOX=optional goes on without");
	return rc;
}

static int
listen_to(struct doors *doors, const char *address, struct err *err)
{
	if (address != NULL)
		return doors_open(doors, address, err);
	if (doors_passed(doors, err) < 0)
		return -1;
	if (doors->n > 0)
		return 0;
	return doors_open(doors, conf_get("HOOK_LISTEN", "127.0.0.1:7080"),
	    err);
}

static int
serve(struct hook *hook, const char *address, struct err *err)
{
	struct serve_conf conf = {
		.judge = hook_judge,
		.handle = hook_handle,
		.flush = hook_flush,
		.log = request_line,
		.ctx = hook,
		.tmp = hook->tmp,
	};
	struct doors doors;
	struct serve *s = NULL;
	int rc;

	if (listen_to(&doors, address, err) < 0 ||
	    serve_open(&s, &doors, &conf, err) < 0)
		return -1;
	rc = confine(hook->tmp, err);
	if (rc == 0) {
		log_note("%zu repositories, ready",
		    secrets_count(hook->secrets));
		rc = serve_run(s, err);
	}
	serve_close(s);
	return rc;
}

static int
run(const char *address, struct err *err)
{
	auto_buf struct buf dir = { 0 }, db = { 0 };
	struct hook hook = { 0 };
	int rc = -1;

	mask_no_dump();
	if (conf_check(err) < 0 || conf_state_path(&dir, "hook", err) < 0)
		return -1;
	buf_addf(&db, "%s/spool.db", dir.data);
	hook.tmp = dir.data;
	if (secrets_open(&hook.secrets, dir.data, err) == 0 &&
	    spool_open(&hook.spool, db.data, SPOOL_CREATE, err) == 0)
		rc = serve(&hook, address, err);
	spool_close(hook.spool);
	secrets_close(hook.secrets);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *address = NULL;
	const struct cli_option options[] = {
		{ "listen", .text = &address },
		{ 0 },
	};
	struct err err = { 0 };
	int status;

	cli_begin(&cli);
	status = cli_take(&cli, CLI_PLAIN, options, argc, argv);
	if (status != CLI_GO)
		return status;
	if (run(address, &err) == 0)
		return cli_end(0);
	err_print(&err);
	return err.status;
}
