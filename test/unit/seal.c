/* Values under seal: whose they are, keys that change, variables, versions. */
#include "state/seal.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "state/credential.h"
#include "state/env.h"
#include "state/environment.h"
#include "state/key.h"
#include "state/project.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-seal.XXXXXX";
static struct state *st;
static struct err err;

static bool
failed(bool bad, const char *code)
{
	bool right = bad && err.code != NULL && strcmp(err.code, code) == 0;

	if (!right)
		printf("# %s: %s\n", err.code ? err.code : "no error", err.msg);
	err = (struct err){ 0 };
	return right;
}

static int64_t
count(const char *sql)
{
	int64_t n = -1;

	db_number(st->db, sql, NO_ARGS, &n, &err);
	return n;
}

/* How many names of a folder begin so. */
static int
names(const char *sub, const char *prefix)
{
	auto_free char *path = mem_printf("%s/%s", dir, sub);
	DIR *d = opendir(path);
	const struct dirent *e;
	int n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	if (d != NULL)
		closedir(d);
	return n;
}

static void
test_seal(void)
{
	auto_buf struct buf box = { 0 };
	auto_buf struct buf plain = { 0 };
	char key[UUID_TEXT];

	ok(failed(seal_value(st, HOLDER_SECRET, "a", "v", 1, &box, key, &err) <
		      0,
	       "no-key"),
	    "without a key nothing is sealed");
	ok(key_init(st, &err) == 0 && count("SELECT count(*) FROM keys") == 2,
	    "a pair for each holder: %s", err.msg);
	ok(key_init(st, &err) == 0 && count("SELECT count(*) FROM keys") == 2,
	    "again: nothing new");
	ok(seal_value(st, HOLDER_SECRET, "row/1", "open\0sesame", 11, &box, key,
	       &err) == 0 &&
		memmem(box.data, box.len, "sesame", 6) == NULL,
	    "sealed");
	ok(seal_open(st, key, "row/1", box.data, box.len, &plain, &err) == 0 &&
		plain.len == 11 && memcmp(plain.data, "open\0sesame", 11) == 0,
	    "opens, byte for byte: %s", err.msg);
	ok(failed(seal_open(st, key, "row/2", box.data, box.len, &plain, &err) <
		      0,
	       "bad-seal") &&
		plain.len == 11,
	    "not as another row's");
	ok(failed(seal_open(st, key, "row", box.data, box.len, &plain, &err) <
		      0,
	       "bad-seal"),
	    "nor as one whose name it begins with");
	box.data[box.len - 1] ^= 1;
	ok(failed(seal_open(st, key, "row/1", box.data, box.len, &plain, &err) <
		      0,
	       "bad-seal"),
	    "a changed bit");
	ok(failed(seal_open(st, key, "row/1", box.data, 20, &plain, &err) < 0,
	       "bad-seal"),
	    "cut short");
	ok(failed(seal_open(st, "no-such-key", "row/1", box.data, box.len,
		      &plain, &err) < 0,
	       "no-key"),
	    "a key that is gone");
}

/* The other holder's key does not open it, whoever claims that it does. */
static void
test_holders(void)
{
	auto_buf struct buf box = { 0 };
	auto_buf struct buf plain = { 0 };
	char key[UUID_TEXT], other[UUID_TEXT];

	seal_value(st, HOLDER_HOOK, "x", "v", 1, &box, other, &err);
	buf_cut(&box, 0);
	seal_value(st, HOLDER_SECRET, "x", "value", 5, &box, key, &err);
	ok(strcmp(key, other) != 0 && failed(seal_open(st, other, "x", box.data,
						 box.len, &plain, &err) < 0,
					  "bad-seal"),
	    "the hook's key does not open the worker's");
}

/*
 * Variables
 */

static struct env_set
var(const char *key, const char *value, const char *scope, const char *phase,
    enum env_secret secret)
{
	return (struct env_set){ key, value, scope, phase, secret };
}

/* The new version, or -1. */
static int64_t
put(const char *key, const char *value, const char *scope, const char *phase,
    enum env_secret secret)
{
	struct env_set s = var(key, value, scope, phase, secret);
	json_auto_t *done = env_change(st, "app", &s, 1, &err);

	return json_int(done, "version", -1);
}

static const char *
environment(const char *name)
{
	static char id[UUID_TEXT];
	json_auto_t *row = environment_get(st, "app", name, &err);

	snprintf(id, sizeof(id), "%s", json_str(row, "id", ""));
	return id;
}

/* "KEY=value/phase KEY=..." of what an environment gets. */
static const char *
resolved(const char *name, int64_t version)
{
	static struct buf text;
	json_auto_t *all = env_resolve(st, environment(name), version, &err);
	const char *key;
	json_t *v;

	buf_cut(&text, 0);
	if (all == NULL)
		return err.msg;
	json_object_foreach(all, key, v)
		buf_addf(&text, "%s%s=%s/%s", text.len ? " " : "", key,
		    json_str(v, "value", "?"), json_str(v, "phase", "?"));
	return buf_str(&text);
}

static void
test_judged(void)
{
	static const struct {
		const char *key, *value, *scope, *phase, *code;
	} bad[] = {
		{ "1A", "x", NULL, NULL, "bad-variable" },
		{ "", "x", NULL, NULL, "bad-variable" },
		{ "A-B", "x", NULL, NULL, "bad-variable" },
		{ "RCN_X", "x", NULL, NULL, "bad-variable" },
		{ "PORT", "12x", NULL, NULL, "bad-variable" },
		{ "PORT", "65536", NULL, NULL, "bad-variable" },
		{ "A", "\xff", NULL, NULL, "bad-variable" },
		{ "A", "x", NULL, "later", "bad-variable" },
		{ "A", "x", "staging", NULL, "bad-scope" },
		{ "A", NULL, NULL, NULL, "not-found" },
	};
	auto_free char *big = mem_zalloc(1, ENV_VALUE + 2);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(failed(put(bad[i].key, bad[i].value, bad[i].scope,
			      bad[i].phase, ENV_AS_IT_WAS) < 0,
		       bad[i].code),
		    "refused: %s", bad[i].key);
	memset(big, 'x', ENV_VALUE + 1);
	ok(failed(put("BIG", big, NULL, NULL, ENV_AS_IT_WAS) < 0,
	       "bad-variable"),
	    "too long");
	big[ENV_VALUE] = '\0';
	for (int i = 0; i < 7; i++) {
		char key[8];

		snprintf(key, sizeof(key), "BIG%d", i);
		if (put(key, big, NULL, NULL, ENV_AS_IT_WAS) < 0)
			printf("# %s\n", err.msg);
	}
	ok(failed(put("BIG7", big, NULL, NULL, ENV_AS_IT_WAS) < 0,
	       "too-many-variables"),
	    "too much in all");
	for (int i = 0; i < 7; i++) {
		char key[8];

		snprintf(key, sizeof(key), "BIG%d", i);
		put(key, NULL, NULL, NULL, ENV_AS_IT_WAS);
	}
	ok(count("SELECT count(*) FROM env_vars WHERE until IS NULL") == 0 &&
		count("SELECT env_version FROM projects") == 14,
	    "14 changes, none is left");
}

static void
test_scopes(void)
{
	int64_t v;
	json_auto_t *row = environment_ensure(st, "app",
	    &(struct environment_new){
		.name = "pr-1", .kind = "preview", .pull_request = 1 },
	    &err);

	ok(row != NULL, "a preview");
	put("A", "for all", "all", NULL, ENV_AS_IT_WAS);
	put("B", "production's", NULL, NULL, ENV_AS_IT_WAS);
	put("A", "preview's", "preview", NULL, ENV_AS_IT_WAS);
	v = put("A", "pr-1's", "pr-1", "both", ENV_PLAIN);
	tap_str(resolved("production", v), "A=for all/run B=production's/run",
	    "production");
	tap_str(resolved("pr-1", v), "A=pr-1's/both",
	    "a preview: the closest, with its phase, and nothing else");
	tap_str(resolved("pr-1", v - 1), "A=preview's/run", "one before");
	tap_str(resolved("pr-1", v - 2), "A=for all/run", "two before");
	tap_str(resolved("production", 0), "", "at the beginning");
}

static void
test_versions(void)
{
	int64_t v = count("SELECT env_version FROM projects");
	struct env_set two[] = { var("C", "1", NULL, NULL, ENV_AS_IT_WAS),
		var("RCN_D", "2", NULL, NULL, ENV_AS_IT_WAS) };
	json_auto_t *diff = NULL;
	json_auto_t *list = NULL;

	ok(failed(env_change(st, "app", two, 2, &err) == NULL,
	       "bad-variable") &&
		count("SELECT env_version FROM projects") == v &&
		count("SELECT count(*) FROM env_vars WHERE key = 'C'") == 0,
	    "all or none");
	ok(put("B", "production's", NULL, NULL, ENV_AS_IT_WAS) == v,
	    "what is so already is no change");
	ok(put("B", "production's", NULL, "both", ENV_PLAIN) == v + 1,
	    "another phase is one");
	ok(env_build_differs(st, environment("production"), v, v + 1, &err) ==
		    1 &&
		env_build_differs(st, environment("pr-1"), v, v + 1, &err) == 0,
	    "a build would be another, of production only");
	ok(put("B", "new", NULL, NULL, ENV_AS_IT_WAS) == v + 2 &&
		put("B", "production's", NULL, NULL, ENV_AS_IT_WAS) == v + 3 &&
		env_build_differs(st, environment("production"), v + 1, v + 3,
		    &err) == 0,
	    "there and back: no other build");
	put("A", NULL, "all", NULL, ENV_AS_IT_WAS);
	put("C", "1", NULL, NULL, ENV_AS_IT_WAS);
	diff = env_diff(st, environment("production"), v, v + 5, &err);
	ok(json_array_size(diff) == 3 &&
		strcmp(json_str(json_array_get(diff, 0), "change", ""),
		    "removed") == 0 &&
		strcmp(json_str(json_array_get(diff, 1), "change", ""),
		    "changed") == 0 &&
		strcmp(json_str(json_array_get(diff, 2), "change", ""),
		    "added") == 0,
	    "three changes: A gone, B changed, C new");
	list = env_list(st, "app", "production", -1, &err);
	ok(json_array_size(list) == 2 &&
		strcmp(json_str(json_array_get(list, 0), "value", ""),
		    "production's") == 0 &&
		json_object_get(json_array_get(list, 1), "value") == NULL,
	    "what is secret is not listed");
}

/* A row's columns changed behind our back: it does not open. */
static void
test_swapped(void)
{
	int64_t v = put("D", "d's value", NULL, NULL, ENV_AS_IT_WAS);
	static const char *const moves[] = {
		"UPDATE env_vars SET scope = 'all' WHERE key = 'D'",
		"UPDATE env_vars SET is_secret = 0 WHERE key = 'D'",
		"UPDATE env_vars SET phase = 'both' WHERE key = 'D'",
		"UPDATE env_vars SET key = 'E' WHERE key = 'D'",
		"UPDATE env_vars SET sealed = (SELECT sealed FROM env_vars"
		" WHERE key = 'C') WHERE key = 'D'",
	};

	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		db_begin(st->db, &err);
		ok(db_run(st->db, moves[i], NO_ARGS, &err) == 1 &&
			failed(env_resolve(st, environment("production"), v,
				   &err) == NULL,
			    "bad-seal"),
		    "%s", moves[i]);
		db_rollback(st->db);
	}
	ok(strstr(resolved("production", v), "D=d's value") != NULL,
	    "as it was, it opens");
}

/*
 * Rotation
 */

static bool
all_opens(void)
{
	int64_t v = count("SELECT env_version FROM projects");
	auto_buf struct buf secret = { 0 };
	auto_buf struct buf token = { 0 };

	return strcmp(resolved("production", v),
		   "B=production's/both C=1/run D=d's value/run") == 0 &&
	       credential_open(st, "app", "webhook", true, &secret, &err) ==
		   1 &&
	       strcmp(secret.data, "hook-secret") == 0 &&
	       credential_open(st, "app", "git-token", false, &token, &err) ==
		   1 &&
	       strcmp(token.data, "t0ken") == 0;
}

/* Those that rows name, 32 bytes, nobody else's to read. */
static int
key_files(void)
{
	json_auto_t *keys =
	    db_list(st->db, "SELECT id, holder FROM keys", NO_ARGS, &err);
	json_t *key;
	size_t i;
	int n = 0;

	json_array_foreach(keys, i, key) {
		auto_buf struct buf path = { 0 };
		struct stat sb;

		key_path(&path,
		    strcmp(json_str(key, "holder", ""), "hook") == 0
			? HOLDER_HOOK
			: HOLDER_SECRET,
		    json_str(key, "id", ""));
		n += stat(path.data, &sb) == 0 && sb.st_size == SEAL_KEY &&
		     (sb.st_mode & 0777) == 0600;
	}
	return n;
}

static void
test_rotation(void)
{
	json_auto_t *old =
	    db_list(st->db, "SELECT id FROM keys", NO_ARGS, &err);
	json_auto_t *a =
	    credential_set(st, "app", "webhook", "hook-secret", &err);
	json_auto_t *b = credential_set(st, NULL, "git-token", "t0ken\n", &err);
	int64_t n, rows = count("SELECT (SELECT count(*) FROM env_vars) +"
				" (SELECT count(*) FROM credentials)");

	ok(a != NULL && b != NULL && all_opens(), "before: %s", err.msg);
	ok(key_rotate(st, &n, &err) == 0 && n == rows && n > 15,
	    "%lld rows sealed anew: %s", (long long)n, err.msg);
	ok(all_opens() && count("SELECT count(*) FROM keys") == 2 &&
		key_files() == 2 && names("keys", "secret-") == 1 &&
		names("hook", "key-") == 1,
	    "all opens, one key each, the old files are gone");
	for (size_t i = 0; i < json_array_size(old); i++)
		ok(db_number(st->db,
		       "SELECT count(*) FROM env_vars e, credentials c"
		       " WHERE e.key_id = :id OR c.key_id = :id",
		       ARGS(ARG_TEXT("id",
			   json_str(json_array_get(old, i), "id", ""))),
		       &n, &err) == 0 &&
			n == 0,
		    "no row names the old key");
}

/*
 * Killed before each of its statements: the next ends what is left.
 */
static int left;

static void
die(const char *sql, void *ctx)
{
	(void)sql;
	(void)ctx;
	if (left-- == 0)
		(void)raise(SIGKILL);
}

/* 1: it ended by itself. */
static int
rotate_until(int statements)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct state *own = NULL;
		int64_t n;

		state_open(&own, "x", 0, &err);
		left = statements;
		db_watch(own->db, die, NULL);
		(void)raise(key_rotate(own, &n, &err) == 0 ? SIGTERM : SIGINT);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
}

static void
test_crash(void)
{
	int n = 0, bad = 0, ends = 0;
	int64_t rows;

	for (; !ends && n < 1000; n++) {
		ends = rotate_until(n);
		if (!all_opens() || key_init(st, &err) < 0 || !all_opens() ||
		    count("SELECT count(*) FROM keys") != 2 ||
		    names("keys", "secret-") != 1 || key_files() != 2) {
			bad++;
			printf("# after %d statements: %s\n", n, err.msg);
		}
	}
	ok(bad == 0 && ends && n > 50,
	    "killed before each of %d statements: all opens, and key_init()"
	    " ends what was left",
	    n);
	ok(key_rotate(st, &rows, &err) == 0 && rows > 15 && all_opens(),
	    "and again to the end: %s", err.msg);
}

/*
 * A key goes between reading a row and opening it.
 */
static struct state *other;

static void
rotate_now(const char *sql, void *ctx)
{
	int64_t n;

	(void)ctx;
	if (other == NULL || strstr(sql, "FROM keys WHERE id") == NULL)
		return;
	db_watch(st->db, NULL, NULL);
	if (key_rotate(other, &n, &err) < 0)
		printf("# %s\n", err.msg);
}

static void
test_meanwhile(void)
{
	auto_buf struct buf token = { 0 };

	state_open(&other, "x", 0, &err);
	db_watch(st->db, rotate_now, NULL);
	ok(strstr(resolved("production",
		      count("SELECT env_version FROM projects")),
	       "D=d's value") != NULL,
	    "variables, read while keys change");
	db_watch(st->db, rotate_now, NULL);
	ok(credential_open(st, "app", "git-token", false, &token, &err) == 1 &&
		strcmp(token.data, "t0ken") == 0,
	    "a credential: %s", err.msg);
	state_close(other);
	other = NULL;
}

/* A key that is lost is said to be, and not replaced. */
static void
test_lost(void)
{
	auto_buf struct buf path = { 0 };
	auto_free char *aside = NULL;
	json_auto_t *key = db_first(st->db,
	    "SELECT id FROM keys WHERE holder = 'secret'", NO_ARGS, &err);
	unsigned char wrong[SEAL_KEY] = "another key of the same length";
	int64_t n;

	key_path(&path, HOLDER_SECRET, json_str(key, "id", ""));
	aside = mem_printf("%s.aside", path.data);
	rename(path.data, aside);
	ok(failed(key_init(st, &err) < 0, "no-key"), "a lost key");
	ok(failed(key_rotate(st, &n, &err) < 0, "no-key") &&
		names("keys", "secret-") == 1 &&
		count("SELECT count(*) FROM keys") == 2,
	    "cannot be rotated, and nothing new is left: %d files, %d keys",
	    names("keys", "secret-"), (int)count("SELECT count(*) FROM keys"));
	io_replace(path.data, 0600, wrong, sizeof(wrong), &err);
	ok(failed(env_resolve(st, environment("production"), 99, &err) == NULL,
	       "no-key"),
	    "nor does another file stand for it");
	rename(aside, path.data);
	ok(key_init(st, &err) == 0 && all_opens(), "it is back");
}

static int
gone(const char *path, const struct stat *sb, int type, struct FTW *at)
{
	(void)sb;
	(void)type;
	(void)at;
	return remove(path);
}

int
main(void)
{
	json_auto_t *app =
	    json_pack("{s:s}", "repository", "https://github.com/O/n.git");
	json_auto_t *row = NULL;

	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	if (state_open(&st, "cli:0:root", DB_CREATE, &err) < 0)
		return 1;
	row = project_add(st, "app", app, &err);
	ok(row != NULL, "a project: %s", err.msg);
	test_seal();
	test_holders();
	test_judged();
	test_scopes();
	test_versions();
	test_swapped();
	test_rotation();
	test_crash();
	test_meanwhile();
	test_lost();
	state_close(st);
	(void)row;
	nftw(dir, gone, 16, FTW_DEPTH | FTW_PHYS);
	return tap_end();
}
