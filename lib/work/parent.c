/* worker_run(): the part that stays. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "state/fanout.h"
#include "state/job.h"
#include "state/spool.h"
#include "work/group.h"
#include "work/knock.h"
#include "work/vault.h"
#include "work/wake.h"
#include "work/worker.h"

enum {
	JOBS_MAX = 64,
	KNOCK_MS = 2000, /* how long the engine may take to answer */
	AWAY_MS = 1000, /* asked again, while something waits for it */
	IDLE_MS = 30000, /* asked again, while nothing does */
	CLAIM_MS = 2000, /* for a child to claim, before the next is tried */
	AGAIN_MS = 1000, /* after something failed */
	DELIVERIES = 1000, /* at one go */
};

struct parent {
	const struct worker_settings *set;
	const char *program;
	struct wake wake;
	pid_t child[JOBS_MAX];
	int jobs, running;
	bool dirty; /* something was written: look what is due */
	bool repair; /* is to be queued */
	int64_t due; /* clock_ms() at which a job is, -1 none */
	int64_t hold; /* no child before that */
	int64_t gc;
	int64_t spool; /* tried again then, -1: it is empty */
	bool engine; /* it answered when it was last asked */
	pid_t peer;
	int64_t knocked;
	struct err said; /* the failure that was printed last */
};

/* Once, as long as it is the same. */
static void
complain(struct parent *p, const struct err *err)
{
	if (strcmp(p->said.msg, err->msg) != 0)
		log_warn("%s", err->msg);
	p->said = *err;
}

/* ---- the database, opened only as long as it is needed ---- */

/* One that nothing can be made of is not to hold up the others. */
static int
fan_out_one(struct state *st, const struct spool_row *row, struct err *err)
{
	json_auto_t *result = NULL;
	struct err why = { 0 };

	if (fanout(st, row->delivery, &result, &why) >= 0) {
		log_info("delivery %s: %zu deployments", row->id,
		    json_array_size(json_object_get(result, "deployments")));
		return 0;
	}
	if (strcmp(why.code, "bad-delivery") != 0) {
		*err = why;
		return err_wrap(err, "delivery %s", row->id);
	}
	log_warn("delivery %s: left out: %s", row->id, why.msg);
	return 0;
}

static int
fan_out(struct state *st, struct spool *spool, struct err *err)
{
	for (int i = 0; i < DELIVERIES; i++) {
		auto_spool_row struct spool_row row = { 0 };
		int more = spool_next(spool, &row, err);

		if (more <= 0)
			return more;
		if (fan_out_one(st, &row, err) < 0 ||
		    spool_done(spool, row.seq, err) < 0)
			return -1;
	}
	return 0;
}

static int
drain_spool(struct state *st, struct err *err)
{
	auto_free char *path = mem_printf("%s/hook/spool.db", conf_state_dir());
	auto_spool struct spool *spool = NULL;
	struct stat sb;

	/* Empty: it is being made, and a file that root makes beside it would
	 * be in the way of its owner. */
	if (stat(path, &sb) < 0 || sb.st_size == 0)
		return 0;
	if (spool_open(&spool, path, 0, err) < 0)
		return -1;
	return fan_out(st, spool, err);
}

/* One of a kind that waits is enough. */
static int
queue(struct state *st, const char *kind, struct err *err)
{
	json_auto_t *jobs = job_list(st, DELIVERIES, err);
	json_auto_t *made = NULL;
	json_t *job;
	size_t i;

	if (jobs == NULL)
		return -1;
	json_array_foreach(jobs, i, job) {
		if (strcmp(json_str(job, "kind", ""), kind) == 0 &&
		    strcmp(json_str(job, "status", ""), "queued") == 0)
			return 0;
	}
	made = job_add(st, &(struct job_new){ .kind = kind }, err);
	return made != NULL ? 0 : -1;
}

/* Of our database: another's jobs are not ours to judge. */
static bool
is_over(const char *id, void *ctx)
{
	struct err err = { 0 };
	json_auto_t *job = job_get(ctx, id, &err);

	return job != NULL &&
	       strcmp(json_str(job, "status", ""), "running") != 0;
}

static int
look_at_jobs(struct parent *p, struct state *st, struct err *err)
{
	int64_t ms;

	/* What a killed child has left is not to wait for the next. */
	if (vault_sweep(st, err) < 0)
		return -1;
	group_sweep(is_over, st);
	if (p->repair && queue(st, "repair", err) < 0)
		return -1;
	p->repair = false;
	if (p->set->gc_ms > 0 && clock_ms() >= p->gc) {
		if (queue(st, "gc", err) < 0)
			return -1;
		p->gc = clock_ms() + p->set->gc_ms;
	}
	if (job_due(st, &ms, err) < 0)
		return -1;
	p->due = ms < 0 ? -1 : clock_ms() + ms;
	return 0;
}

/* A spool that cannot be read is the daemon's trouble: all else goes on. */
static int
look(struct parent *p, struct state *st, struct err *err)
{
	struct err why = { 0 };

	if (drain_spool(st, &why) < 0) {
		complain(p, &why);
		p->spool = clock_ms() + AGAIN_MS;
	} else {
		p->spool = -1;
	}
	return look_at_jobs(p, st, err);
}

static void
open_and_look(struct parent *p)
{
	struct state *st = NULL;
	struct err err = { 0 };

	p->dirty = false;
	if (state_open(&st, "worker", 0, &err) < 0 || look(p, st, &err) < 0) {
		complain(p, &err);
		p->due = clock_ms() + AGAIN_MS;
		p->hold = p->due;
		p->dirty = true;
	}
	state_close(st);
	(void)malloc_trim(0);
}

/* ---- the engine ---- */

static bool
engine_answers(struct parent *p)
{
	pid_t peer;
	bool now;

	p->knocked = clock_ms();
	now = knock(KNOCK_MS, &peer);
	/* Back, or another one than before. */
	if (now && (!p->engine || peer != p->peer) && p->peer >= 0) {
		log_info("the engine is there");
		p->repair = p->dirty = true;
	}
	if (!now && p->engine)
		log_warn("the engine does not answer: deployments wait");
	if (now)
		p->peer = peer;
	p->engine = now;
	return now;
}

/* ---- children ---- */

static void
start_child(struct parent *p)
{
	char once[] = "--once";
	auto_free char *program = mem_strdup(p->program);
	char *const argv[] = { program, once, NULL };
	pid_t pid = fork();

	p->hold = clock_ms() + (pid < 0 ? AGAIN_MS : CLAIM_MS);
	if (pid < 0) {
		log_warn("fork: %s", strerror(errno));
		return;
	}
	if (pid == 0) {
		/* A signal of the terminal's is the parent's to pass on. */
		(void)setpgid(0, 0);
		wake_child();
		(void)execvp("/proc/self/exe", argv);
		_exit(127);
	}
	p->child[p->running++] = pid;
}

static void
reap(struct parent *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < p->running; i++)
			if (p->child[i] == pid)
				p->child[i] = p->child[--p->running];
		if (WIFSIGNALED(status))
			log_warn("a child was ended by signal %d: what it did "
				 "is taken up when its lease is over",
			    WTERMSIG(status));
		/* Nothing to do, or it could not: not again at once. */
		p->hold =
		    clock_ms() + (WIFEXITED(status) && WEXITSTATUS(status) == 0
					 ? 0
					 : AGAIN_MS);
		p->dirty = true;
	}
}

static void
start_due(struct parent *p)
{
	int64_t now = clock_ms();

	if (p->due < 0 || now < p->due || now < p->hold ||
	    p->running == p->jobs)
		return;
	if (engine_answers(p))
		start_child(p);
	else
		p->hold = clock_ms() + AWAY_MS;
}

/* ---- the loop ---- */

static int64_t
until(const struct parent *p)
{
	int64_t now = clock_ms(), at = p->knocked + IDLE_MS;

	if (p->set->gc_ms > 0 && p->gc < at)
		at = p->gc;
	if (p->spool >= 0 && p->spool < at)
		at = p->spool;
	if (p->due >= 0 && p->running < p->jobs) {
		int64_t start = p->due > p->hold ? p->due : p->hold;

		at = start < at ? start : at;
	}
	return at > now ? at - now : 0;
}

static void
end_children(struct parent *p)
{
	for (int i = 0; i < p->running; i++)
		(void)kill(p->child[i], SIGTERM);
	while (p->running > 0) {
		unsigned what = wake_wait(&p->wake, -1);

		if ((what & WAKE_CHILD) != 0)
			reap(p);
		/* Asked again: they end at once, what they did is taken up by
		 * the next worker. */
		if ((what & WAKE_STOP) != 0)
			for (int i = 0; i < p->running; i++)
				(void)kill(p->child[i], SIGTERM);
	}
}

static void
loop(struct parent *p)
{
	for (;;) {
		unsigned what;

		if (p->dirty && clock_ms() >= p->hold)
			open_and_look(p);
		start_due(p);
		what = wake_wait(&p->wake, until(p));
		if ((what & WAKE_STOP) != 0)
			return;
		if ((what & WAKE_CHILD) != 0)
			reap(p);
		if ((what & WAKE_WRITE) != 0) {
			p->dirty = true;
			p->hold = 0;
		}
		if (clock_ms() - p->knocked >= IDLE_MS)
			(void)engine_answers(p);
		if ((p->set->gc_ms > 0 && clock_ms() >= p->gc) ||
		    (p->spool >= 0 && clock_ms() >= p->spool))
			p->dirty = true;
	}
}

int
worker_run(const struct worker_settings *set, const char *program, int jobs,
    struct err *err)
{
	auto_free char *db = mem_printf("%s/state.db", conf_state_dir());
	auto_free char *spool =
	    mem_printf("%s/hook/spool.db", conf_state_dir());
	struct parent p = { .set = set,
		.program = program,
		.jobs = jobs,
		.dirty = true,
		.repair = true,
		.due = -1,
		.spool = -1,
		.peer = -1 };
	struct state *st = NULL;

	if (jobs > JOBS_MAX)
		p.jobs = JOBS_MAX;
	/* That it can be opened at all is said at once. */
	if (wake_init(&p.wake, set->poll_ms, err) < 0 ||
	    state_open(&st, "worker", 0, err) < 0)
		return -1;
	state_close(st);
	wake_watch(&p.wake, db);
	wake_watch(&p.wake, spool);
	p.engine = true;
	loop(&p);
	end_children(&p);
	wake_close(&p.wake);
	return 0;
}
