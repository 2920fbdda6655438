/* Credentials, what the webhook daemon is told of them, and what a run gets. */
#include "state/secrets.h"

#include <ftw.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"
#include "state/credential.h"
#include "state/env.h"
#include "state/environment.h"
#include "state/key.h"
#include "state/project.h"
#include "state/sshkey.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-secrets.XXXXXX";
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

static const char *
read_file(const char *name)
{
	static struct buf text;
	auto_free char *path = mem_printf("%s/%s", dir, name);
	struct err why = { 0 };

	buf_cut(&text, 0);
	return io_read_file(path, 1 << 20, &text, &why) < 0 ? NULL
							    : buf_str(&text);
}

static int
mode(const char *name)
{
	auto_free char *path = mem_printf("%s/%s", dir, name);
	struct stat sb;

	return lstat(path, &sb) < 0 ? -1 : (int)(sb.st_mode & 07777);
}

static void
project(const char *slug, const char *url)
{
	json_auto_t *settings = json_pack("{s:s}", "repository", url);
	json_auto_t *row = project_add(st, slug, settings, &err);

	ok(row != NULL, "project %s: %s", slug, err.msg);
}

static bool
set(const char *slug, const char *kind, const char *value)
{
	json_auto_t *row = credential_set(st, slug, kind, value, &err);

	return row != NULL;
}

/* ssh-keygen reads what we make, and says the same of its public half. */
static void
test_ssh(void)
{
	AUTO(buf_wipe) struct buf private = { 0 };
	auto_buf struct buf public = { 0 };
	auto_buf struct buf ours = { 0 };
	auto_buf struct buf theirs = { 0 };
	auto_free char *path = mem_printf("%s/id", dir);
	char *argv[] = { (char[]){ "ssh-keygen" }, (char[]){ "-y" },
		(char[]){ "-f" }, path, NULL };
	struct proc p = { .argv = argv, .out = &theirs };
	int status = -1;

	sshkey_make("rcn-app", &private, &public);
	io_replace(path, 0600, private.data, private.len, &err);
	ok(proc_run(&p, &status, &err) == 0 && status == 0, "ssh-keygen: %s",
	    err.msg);
	buf_addc(&public, '\n');
	tap_str(buf_str(&theirs), public.data, "the same public half");
	ok(sshkey_public(private.data, private.len, &ours, &err) == 0 &&
		strncmp(ours.data, public.data, ours.len) == 0 && ours.len > 60,
	    "we read it, too");
	ok(failed(sshkey_public(private.data, private.len / 2, &ours, &err) < 0,
	       "bad-credential"),
	    "cut short");
}

static void
test_kinds(void)
{
	static const char *const bad[][2] = { { "git-key", "no key" },
		{ "git-token", "two words" }, { "git-token", "" },
		{ "git-token", NULL }, { "registry", "{\"auths\":[]}" },
		{ "registry", "no json: hunter2" }, { "webhook", "short" },
		{ "no-such-kind", "x" } };
	json_auto_t *key = NULL;
	json_auto_t *list = NULL;
	auto_buf struct buf value = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		bool refused = !set("app", bad[i][0], bad[i][1]);

		ok(strstr(err.msg, "hunter2") == NULL &&
			failed(refused, "bad-credential"),
		    "refused: %s %s", bad[i][0], bad[i][1] ? bad[i][1] : "");
	}
	key = credential_set(st, "app", "git-key", NULL, &err);
	ok(strncmp(json_str(key, "public", ""), "ssh-ed25519 AAAA", 16) == 0 &&
		strstr(json_str(key, "public", ""), " rcn-app") != NULL,
	    "a deploy key is made");
	ok(set(NULL, "git-token", "everybody's\n") &&
		set("app", "git-token", "app's") &&
		credential_open(st, "app", "git-token", false, &value, &err) ==
		    1 &&
		credential_open(st, "two", "git-token", false, &value, &err) ==
		    1,
	    "a token of the installation, one of a project");
	tap_str(buf_str(&value), "app'severybody's", "each gets the closest");
	ok(credential_open(st, "two", "git-token", true, &value, &err) == 0,
	    "two has none of its own");
	ok(set("app", "git-token", "app's, new") == false &&
		failed(true, "bad-credential") &&
		set("app", "git-token", "new"),
	    "set again");
	list = credential_list(st, "app", &err);
	ok(json_array_size(list) == 2 &&
		json_int(json_array_get(list, 1), "rev", 0) == 2,
	    "one row a kind");
	ok(credential_remove(st, "app", "git-token", &err) == 0 &&
		failed(credential_remove(st, "app", "git-token", &err) < 0,
		    "not-found"),
	    "taken away, once");
}

/*
 * As the daemon: with nothing but its folder.
 */
static json_t *
opened(const char *box, const char *key_id)
{
	auto_buf struct buf sealed = { 0 };
	auto_buf struct buf name = { 0 };
	unsigned char public[32];
	char plain[1024] = "";
	const char *key;

	buf_addf(&name, "hook/key-%s", key_id);
	key = read_file(name.data);
	if (key == NULL || base64_decode(&sealed, box, strlen(box)) < 0)
		return NULL;
	crypto_scalarmult_base(public, (const unsigned char *)key);
	if (crypto_box_seal_open((unsigned char *)plain,
		(unsigned char *)sealed.data, sealed.len, public,
		(const unsigned char *)key) != 0)
		return NULL;
	return json_loads(plain, 0, NULL);
}

/* "KEY=SECRET,SECRET KEY=..." of repositories.json, the default last. */
static const char *
published(void)
{
	static struct buf text;
	json_auto_t *all =
	    json_loads(read_file("hook/repositories.json"), 0, NULL);
	json_t *repo, *box;
	size_t i, k;

	buf_cut(&text, 0);
	json_array_foreach(json_object_get(all, "repositories"), i, repo) {
		buf_addf(&text, "%s=", json_str(repo, "key", "?"));
		json_array_foreach(json_object_get(repo, "sealed"), k, box) {
			json_auto_t *v = opened(json_string_value(box),
			    json_str(repo, "key_id", ""));

			buf_addf(&text, "%s%s@%s", k > 0 ? "," : "",
			    json_str(v, "secret", "?"),
			    json_str(v, "repository", "?"));
		}
		buf_addc(&text, ' ');
	}
	json_array_foreach(json_object_get(all, "default"), k, box) {
		json_auto_t *v = opened(json_string_value(box),
		    json_str(all, "default_key_id", ""));

		buf_addf(&text, "%s@%s", json_str(v, "secret", "?"),
		    json_str(v, "repository", "?"));
	}
	return buf_str(&text);
}

static void
test_published(void)
{
	json_auto_t *patch =
	    json_pack("{s:s}", "repository", "git@github.com:o/moved.git");
	json_auto_t *row = NULL;
	auto_buf struct buf made = { 0 };
	int64_t n;

	ok(hook_publish(st, &err) == 0, "published");
	tap_str(published(), "github.com/o/n= github.com/o/two= ",
	    "repositories without secrets are named");
	ok(set("app", "webhook", "secret-of-app") &&
		set("same", "webhook", "another-secret") &&
		set(NULL, "webhook", "for-all-others"),
	    "three webhooks");
	tap_str(published(),
	    "github.com/o/n=secret-of-app@github.com/o/n,another-secret@"
	    "github.com/o/n github.com/o/two= for-all-others@*",
	    "each opens with the hook's key, and says whose it is");
	ok(key_rotate(st, &n, &err) == 0, "other keys");
	row = project_set(st, "app", patch, &err);
	ok(row != NULL && hook_publish(st, &err) == 0, "moved: %s", err.msg);
	tap_str(published(),
	    "github.com/o/moved=secret-of-app@github.com/o/moved "
	    "github.com/o/n=another-secret@github.com/o/n "
	    "github.com/o/two= for-all-others@*",
	    "a project that moves takes its secret along");
	ok(set("app", "webhook", NULL) &&
		credential_open(st, "app", "webhook", true, &made, &err) == 1 &&
		made.len == 64 && strspn(made.data, "0123456789abcdef") == 64,
	    "a secret that was made");
	ok(credential_remove(st, "app", "webhook", &err) == 0 &&
		credential_remove(st, NULL, "webhook", &err) == 0,
	    "taken away");
	tap_str(published(),
	    "github.com/o/moved= github.com/o/n=another-secret@github.com/o/n "
	    "github.com/o/two= ",
	    "and gone there, too");
	ok(mode("hook") == 0700 && mode("hook/repositories.json") == 0644,
	    "the folder is closed");
}

static void
test_run(void)
{
	const struct env_set vars[] = {
		{ "RUN", "r\n\"\xc3\xa9", NULL, NULL, ENV_AS_IT_WAS },
		{ "BUILD", "b", NULL, "build", ENV_PLAIN },
		{ "BOTH", "x", NULL, "both", ENV_PLAIN },
	};
	json_auto_t *changed = env_change(st, "app", vars, 3, &err);
	json_auto_t *env = environment_get(st, "app", "production", &err);
	json_auto_t *row = json_pack("{s:s, s:O, s:O}", "project", "app",
	    "environment_id", json_object_get(env, "id"), "env_version",
	    json_object_get(changed, "version"));
	auto_free char *folder = mem_printf("%s/run", dir);

	ok(set("app", "registry",
	       "{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}") &&
		set("app", "git-known-hosts", "github.com ssh-ed25519 AAAA"),
	    "credentials");
	ok(mkdir(folder, 0711) == 0 &&
		secrets_write(st, row, folder, geteuid(), getegid(), &err) == 0,
	    "written: %s", err.msg);
	tap_str(read_file("run/env.json"),
	    "{\"BOTH\":{\"value\":\"x\",\"secret\":false,\"phase\":\"both\"},"
	    "\"BUILD\":{\"value\":\"b\",\"secret\":false,\"phase\":\"build\"},"
	    "\"RUN\":{\"value\":\"r\\n\\\"\xc3\xa9\",\"secret\":true,"
	    "\"phase\":\"run\"}}\n",
	    "env.json");
	tap_str(read_file("run/build/BOTH"), "x", "a variable of both");
	tap_str(read_file("run/build/BUILD"), "b", "one of the build");
	ok(mode("run/build/RUN") == -1, "none of the app's");
	tap_str(read_file("run/git/known_hosts"),
	    "github.com ssh-ed25519 AAAA\n", "known hosts");
	tap_str(read_file("run/git/token"), "everybody's", "the token");
	ok(strstr(read_file("run/git/key"), "OPENSSH PRIVATE KEY") != NULL,
	    "the key");
	ok(mode("run/git") == 0700 && mode("run/git/key") == 0600 &&
		mode("run/build") == 0700 && mode("run/env.json") == 0600 &&
		mode("run/registry") == 0700 &&
		mode("run/registry/config.json") == 0600,
	    "nobody else's to read");
	ok(secrets_write(st, row, folder, 0, 0, &err) < 0,
	    "what is there already is not written over");
	err = (struct err){ 0 };
	ok(mode("run/github-token") == -1 &&
		secrets_write_token(st, "app", folder, &err) == 0 &&
		mode("run/github-token") == -1 &&
		set(NULL, "github-token", "ghp") &&
		secrets_write_token(st, "app", folder, &err) == 0,
	    "a token for statuses, where there is one");
	tap_str(read_file("run/github-token"), "ghp", "the token of statuses");
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
	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	if (state_open(&st, "cli:0:root", DB_CREATE, &err) < 0 ||
	    key_init(st, &err) < 0)
		return 1;
	project("app", "https://github.com/O/n.git");
	project("same", "git@github.com:o/N");
	project("two", "https://github.com/o/two");
	test_ssh();
	test_published();
	test_kinds();
	test_run();
	state_close(st);
	nftw(dir, gone, 16, FTW_DEPTH | FTW_PHYS);
	return tap_end();
}
