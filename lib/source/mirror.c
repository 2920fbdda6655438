#include "source/mirror.h"

#include <ctype.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/text.h"
#include "source/tree.h"

enum { SAID_MAX = 8192 };

extern char **environ;

/* One mirror at work. */
struct work {
	const struct mirror_want *want;
	struct mirror *m;
	struct strvec env;
	struct buf said; /* the end of what git said */
	char ref[48]; /* where the wanted branch is kept */
	uint64_t seconds;
	uid_t uid; /* of FETCH_USER, or 0 */
	gid_t gid;
	bool fresh; /* made by us just now */
};

/* ---- addresses ---- */

static int
bad_url(const char *url, const char *why, struct err *err)
{
	return err_set(err, EX_USAGE, "bad-url", "%s: %s", url, why);
}

/* Credentials in an address end up in argv, logs and documents. */
static int
check_login(const char *url, const char *rest, struct err *err)
{
	size_t host = strcspn(rest, "/");
	const char *at = memchr(rest, '@', host);
	bool http = text_starts(url, "http");

	if (rest[0] == '-' || (at != NULL && at[1] == '-'))
		return bad_url(url, "a host cannot begin with -", err);
	if (host == 0)
		return bad_url(url, "no host", err);
	if (at == NULL ||
	    (!http && memchr(rest, ':', (size_t)(at - rest)) == NULL))
		return 0;
	err_set(err, EX_USAGE, "bad-url",
	    "%.*s...: credentials do not belong into an address",
	    (int)(rest - url), url);
	return err_hint(err,
	    "put the token into a file and give --token-file FILE");
}

static int
check_url(const char *url, struct err *err)
{
	static const char *const schemes[] = { "https://", "http://", "ssh://",
		"git://" };
	size_t scheme = strspn(url, "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	if (*url == '\0' || *url == '-')
		return bad_url(url, "not an address", err);
	for (const char *p = url; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p) || *p == ' ')
			return bad_url(url, "a blank or control byte", err);
	if (strncmp(url + scheme, "::", 2) == 0)
		return bad_url(url, "a transport that is not used", err);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (text_starts(url, schemes[i]))
			return check_login(url, url + strlen(schemes[i]), err);
	if (strstr(url, "://") != NULL)
		return bad_url(url,
		    "not an https, http, ssh, git or file address", err);
	return 0;
}

/* user@host:path, as ssh and git write it: a colon before any slash. */
static bool
is_scp(const char *url)
{
	size_t n = strcspn(url, ":/");

	return url[n] == ':';
}

char *
mirror_url(const char *given, struct err *err)
{
	const char *path = text_starts(given, "file://") ? given + 7 : given;
	char *real;

	if (path == given) {
		if (check_url(given, err) < 0)
			return NULL;
		if (strstr(given, "://") != NULL || is_scp(given))
			return mem_strdup(given);
	}
	real = realpath(path, NULL);
	if (real == NULL)
		err_sys(err, EX_NOINPUT, "no-such-repository", "%s", given);
	return real;
}

int
mirror_path(const char *url, struct buf *path, struct err *err)
{
	char hex[SHA256_HEX];

	sha256_hex(url, strlen(url), hex);
	if (conf_state_path(path, "mirrors", err) < 0)
		return -1;
	buf_addf(path, "/%.32s.git", hex);
	return 0;
}

/* As git check-ref-format, so that no name is an option or a refspec. */
static int
check_branch(const char *name, struct err *err)
{
	size_t n = strlen(name);
	bool bad = n == 0 || n > 250 || name[0] == '-' || name[0] == '/' ||
		   name[n - 1] == '/' || name[n - 1] == '.' ||
		   strpbrk(name, " ~^:?*[\\+") != NULL ||
		   strstr(name, "..") != NULL || strstr(name, "@{") != NULL ||
		   strstr(name, "//") != NULL || strstr(name, "/.") != NULL;

	for (const char *p = name; *p != '\0' && !bad; p++)
		bad = iscntrl((unsigned char)*p);
	if (bad)
		return err_set(err, EX_USAGE, "bad-branch",
		    "%s: not the name of a branch or tag", name);
	return 0;
}

static bool
is_hex(const char *s)
{
	return s[strspn(s, "0123456789abcdefABCDEF")] == '\0';
}

static int
check_want(const struct mirror_want *want, struct err *err)
{
	size_t n = want->commit != NULL ? strlen(want->commit) : 40;

	if (want->branch != NULL && check_branch(want->branch, err) < 0)
		return -1;
	if (want->commit != NULL && (n < 4 || n > 64 || !is_hex(want->commit)))
		return err_set(err, EX_USAGE, "bad-commit",
		    "%s: not a commit id: 4 to 64 hex digits", want->commit);
	return 0;
}

/* ---- git ---- */

/* 'path' for the shell that git gives a command to. */
static void
quote(struct buf *b, const char *s)
{
	buf_addc(b, '\'');
	for (; *s != '\0'; s++)
		if (*s == '\'')
			buf_adds(b, "'\\''");
		else
			buf_addc(b, *s);
	buf_addc(b, '\'');
}

/* Without a key of ours, ssh is as its user has set it up. */
static void
ssh_command(const struct work *w, const char *mirrors, struct buf *b)
{
	const struct mirror_want *want = w->want;

	buf_adds(b, "GIT_SSH_COMMAND=ssh -o BatchMode=yes "
		    "-o ConnectTimeout=30 -o ServerAliveInterval=15 "
		    "-o ForwardAgent=no -o ClearAllForwardings=yes");
	if (want->key != NULL) {
		buf_adds(b, " -F /dev/null -o IdentitiesOnly=yes "
			    "-o IdentityAgent=none -i ");
		quote(b, want->key);
	}
	if (want->key == NULL && want->known_hosts == NULL && w->uid == 0)
		return;
	buf_addf(b, " -o StrictHostKeyChecking=%s -o UserKnownHostsFile=",
	    want->known_hosts != NULL ? "yes" : "accept-new");
	if (want->known_hosts != NULL) {
		quote(b, want->known_hosts);
	} else {
		auto_free char *own = mem_printf("%s/known_hosts", mirrors);

		quote(b, own);
	}
}

/* The caller's, less what would lead git elsewhere; see git(1). */
static void
make_env(struct work *w)
{
	static const char *const kept[] = { "GIT_SSL_", "GIT_CONFIG_NOSYSTEM=",
		"GIT_CONFIG_SYSTEM=", "GIT_CONFIG_GLOBAL=", "GIT_PROXY_" };
	auto_free char *mirrors = mem_strdup(w->m->path);
	auto_buf struct buf ssh = { 0 };

	*strrchr(mirrors, '/') = '\0';
	for (char **e = environ; *e != NULL; e++) {
		bool keep = !text_starts(*e, "GIT_") &&
			    !text_starts(*e, "RCN_SECRETS=") &&
			    !text_starts(*e, "LC_") &&
			    !text_starts(*e, "LANGUAGE=") &&
			    (w->uid == 0 || !text_starts(*e, "HOME="));

		for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
			keep = keep || text_starts(*e, kept[i]);
		if (keep)
			strvec_add(&w->env, *e);
	}
	strvec_add(&w->env, "LC_ALL=C");
	strvec_add(&w->env, "GIT_TERMINAL_PROMPT=0");
	strvec_add(&w->env, "GIT_ASKPASS=true");
	strvec_add(&w->env, "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh");
	if (w->uid != 0)
		strvec_addf(&w->env, "HOME=%s", mirrors);
	if (w->want->token != NULL)
		strvec_addf(&w->env, "RCN_TOKEN_FILE=%s", w->want->token);
	ssh_command(w, mirrors, &ssh);
	strvec_add(&w->env, ssh.data);
}

/*
 * The token goes from its file to git through a pipe, for this host only: a
 * server that redirects elsewhere does not get it.  "USER:TOKEN" names a user.
 */
static void
add_token(const struct work *w, struct strvec *argv)
{
	static const char helper[] =
	    "!f() { test \"$1\" = get || exit 0; "
	    "IFS= read -r t <\"$RCN_TOKEN_FILE\" || test -n \"$t\" || exit 1; "
	    "u=x-access-token; "
	    "case $t in *:*) u=${t%%:*} t=${t#*:};; esac; "
	    "printf 'username=%s\\npassword=%s\\n' \"$u\" \"$t\"; }; f";
	const char *url = w->want->url, *host = strstr(url, "://");

	strvec_add(argv, "-c");
	strvec_add(argv, "credential.helper=");
	if (host == NULL)
		return;
	host += 3;
	strvec_add(argv, "-c");
	strvec_addf(argv, "credential.%.*s.helper=%s",
	    (int)(host - url + (ptrdiff_t)strcspn(host, "/")), url, helper);
}

static void
begin(const struct work *w, struct strvec *argv)
{
	static const char *const fixed[] = { "core.hooksPath=/dev/null",
		"core.fsmonitor=false", "gc.autoDetach=false",
		"maintenance.autoDetach=false", "fetch.writeCommitGraph=false",
		"fetch.recurseSubmodules=false", "http.lowSpeedLimit=500",
		"http.lowSpeedTime=60", "transfer.fsckObjects=true",
		"fetch.fsckObjects=true", "fetch.fsck.hasDot=error",
		"fetch.fsck.hasDotdot=error", "fetch.fsck.hasDotgit=error",
		"fetch.fsck.fullPathname=error",
		"fetch.fsck.duplicateEntries=error",
		"fetch.fsck.emptyName=error", "fetch.fsck.nullSha1=error",
		/* Found in old histories, harmless here. */
		"fetch.fsck.badTimezone=warn", "fetch.fsck.badEmail=warn",
		"fetch.fsck.missingEmail=warn",
		"fetch.fsck.missingNameBeforeEmail=warn",
		"fetch.fsck.missingSpaceBeforeDate=warn",
		"fetch.fsck.missingSpaceBeforeEmail=warn",
		"fetch.fsck.zeroPaddedDate=warn",
		"fetch.fsck.zeroPaddedFilemode=warn",
		"fetch.fsck.multipleAuthors=warn" };

	strvec_add(argv, "git");
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		strvec_add(argv, "-c");
		strvec_add(argv, fixed[i]);
	}
	if (w->want->token != NULL)
		add_token(w, argv);
	strvec_addf(argv, "--git-dir=%s", w->m->path);
}

static void
hear(const char *line, size_t n, void *ctx)
{
	struct work *w = ctx;

	log_info("%.*s", (int)n, line);
	buf_add(&w->said, line, n);
	buf_addc(&w->said, '\n');
	if (w->said.len > SAID_MAX)
		buf_eat(&w->said, w->said.len - SAID_MAX);
}

static int
run(struct work *w, const struct strvec *argv, struct buf *out, int *status,
    struct err *err)
{
	struct buf none = { 0 };
	struct proc p = { .argv = argv->v,
		.envp = w->env.v,
		.cwd = "/",
		.out = out != NULL ? out : &none,
		.line = hear,
		.ctx = w,
		.timeout_ms = (int64_t)w->seconds * 1000,
		.uid = w->uid,
		.gid = w->gid };
	int rc;

	buf_clear(&w->said);
	rc = proc_run(&p, status, err);
	buf_release(&none);
	return rc;
}

/* ---- what git says ---- */

static bool
says(const struct work *w, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasestr(buf_str(&w->said), *words) != NULL)
			return true;
	return false;
}

static bool
says_absent(const struct work *w)
{
	static const char *const words[] = { "couldn't find remote ref",
		"not our ref", "unadvertised object", "no such remote ref",
		"no such ref", "bad object id", NULL };

	return says(w, words);
}

/* The line that says most: the last with "fatal:" or "error:", or the last. */
static void
best_line(const struct work *w, char *line, size_t n)
{
	auto_free char *text = mem_strdup(buf_str(&w->said));
	char *save = NULL;

	(void)snprintf(line, n, "git failed");
	for (char *l = strtok_r(text, "\n", &save); l != NULL;
	     l = strtok_r(NULL, "\n", &save))
		if (text_starts(l, "fatal: ") || text_starts(l, "error: ") ||
		    strncmp(line, "fatal: ", 7) != 0)
			(void)snprintf(line, n, "%s", l);
}

static const struct reason {
	int status;
	const char *code, *hint;
	const char *words[12];
} reasons[] = {
	{ EX_DATAERR, "source-refused",
	    "the history holds an entry that git itself refuses",
	    { "fsck error", "hasDot", "fullPathname", "duplicateEntries",
		"error in tree", "gitmodules" } },
	{ EX_IOERR, "write-failed", "make room in the state folder",
	    { "No space left on device", "Disk quota exceeded" } },
	{ EX_NOPERM, "fetch-denied",
	    "give a deploy key with --key or a token with --token-file",
	    { "Authentication failed", "could not read Username",
		"could not read Password", "Permission denied (",
		"Access denied", "returned error: 401", "returned error: 403",
		"Host key verification failed", "Load key",
		"terminal prompts disabled" } },
	{ EX_NOINPUT, "no-such-repository",
	    "check the address; a private one may need --key or --token-file",
	    { "repository not found", "not found",
		"does not appear to be a git repository", "does not exist" } },
	{ EX_UNAVAILABLE, "fetch-failed",
	    "try again; -v shows all that git says", { "" } },
};

static int
failed(const struct work *w, struct err *err)
{
	const struct reason *r = reasons;
	char line[400];

	while (!says(w, r->words))
		r++;
	best_line(w, line, sizeof(line));
	err_set(err, r->status, r->code, "%s: %s", w->want->url, line);
	return err_hint(err, "%s", r->hint);
}

/* ---- the mirror itself ---- */

static int
set_user(struct work *w, struct err *err)
{
	const char *name = conf_get("FETCH_USER", NULL);
	const struct passwd *pw;

	if (name == NULL || *name == '\0' || geteuid() != 0)
		return 0;
	pw = getpwnam(name);
	if (pw == NULL || pw->pw_uid == 0) {
		err_set(err, EX_CONFIG, "bad-setting",
		    "RCN_FETCH_USER: %s: no such user, or root", name);
		return err_hint(err, "useradd --system %s", name);
	}
	w->uid = pw->pw_uid;
	w->gid = pw->pw_gid;
	return 0;
}

/* Its user must reach and own the folder of mirrors. */
static int
give_folder(const struct work *w, struct err *err)
{
	auto_free char *mirrors = mem_strdup(w->m->path);

	*strrchr(mirrors, '/') = '\0';
	if (w->uid == 0)
		return 0;
	if (chown(mirrors, w->uid, w->gid) < 0 ||
	    chmod(conf_state_dir(), 0711) < 0)
		return io_cannot_create(err, mirrors);
	return 0;
}

static int
simple(struct work *w, const struct strvec *argv, struct err *err)
{
	int status;
	char line[400];

	if (run(w, argv, NULL, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	best_line(w, line, sizeof(line));
	return err_set(err, EX_CANTCREAT, "cannot-create", "%s: %s", w->m->path,
	    line);
}

static int
make(struct work *w, struct err *err)
{
	auto_strvec struct strvec away = { 0 }, init = { 0 };

	strvec_add(&away, "rm");
	strvec_add(&away, "-rf");
	strvec_add(&away, "--");
	strvec_add(&away, w->m->path);
	begin(w, &init);
	strvec_add(&init, "init");
	strvec_add(&init, "--quiet");
	strvec_add(&init, "--bare");
	strvec_add(&init, "--template=");
	w->fresh = true;
	return simple(w, &away, err) < 0 ? -1 : simple(w, &init, err);
}

static int
there(struct work *w, struct err *err)
{
	auto_free char *head = mem_printf("%s/HEAD", w->m->path);
	auto_free char *objects = mem_printf("%s/objects", w->m->path);

	if (access(head, F_OK) == 0 && access(objects, F_OK) == 0)
		return 0;
	return make(w, err);
}

enum got { FETCHED, ABSENT, FAILED };

static enum got
fetch(struct work *w, const char *from, const char *to, struct err *err)
{
	auto_strvec struct strvec argv = { 0 };
	int status;

	begin(w, &argv);
	strvec_add(&argv, "fetch");
	strvec_add(&argv, "--quiet");
	strvec_add(&argv, "--no-tags");
	strvec_add(&argv, "--no-write-fetch-head");
	strvec_add(&argv, "--prune");
	strvec_add(&argv, "--");
	strvec_add(&argv, w->want->url);
	strvec_addf(&argv, "+%s:%s", from, to);
	if (run(w, &argv, NULL, &status, err) < 0)
		return FAILED;
	if (status == 0)
		return FETCHED;
	if (says_absent(w))
		return ABSENT;
	(void)failed(w, err);
	return FAILED;
}

static int
absent(const struct work *w, const char *what, const char *name,
    struct err *err)
{
	return err_set(err, EX_NOINPUT, "no-such-commit", "%s: no %s %s there",
	    w->want->url, what, name);
}

static int
fetch_branch(struct work *w, const char *name, struct err *err)
{
	static const char *const kinds[] = { "refs/heads/", "refs/tags/" };
	enum got got = ABSENT;

	if (text_starts(name, "refs/"))
		got = fetch(w, name, w->ref, err);
	else
		for (size_t i = 0; i < 2 && got == ABSENT; i++) {
			auto_free char *full =
			    mem_printf("%s%s", kinds[i], name);

			got = fetch(w, full, w->ref, err);
		}
	if (got == ABSENT)
		return absent(w, "branch or tag", name, err);
	return got == FETCHED ? 0 : -1;
}

static int
fetch_all(struct work *w, struct err *err)
{
	enum got got = fetch(w, "refs/heads/*", "refs/all/heads/*", err);

	if (got == FETCHED)
		got = fetch(w, "refs/tags/*", "refs/all/tags/*", err);
	return got == FETCHED ? 0 : got == ABSENT ? failed(w, err) : -1;
}

/* 1 the server answers, and out has its HEAD; else -1. */
static int
ask_head(struct work *w, struct buf *out, struct err *err)
{
	auto_strvec struct strvec argv = { 0 };
	int status;

	begin(w, &argv);
	strvec_add(&argv, "ls-remote");
	strvec_add(&argv, "--symref");
	strvec_add(&argv, "--");
	strvec_add(&argv, w->want->url);
	strvec_add(&argv, "HEAD");
	if (run(w, &argv, out, &status, err) < 0)
		return -1;
	return status == 0 ? 1 : failed(w, err);
}

/* "ref: refs/heads/main\tHEAD" names the branch; detached has no name. */
static int
fetch_head(struct work *w, struct err *err)
{
	static const char mark[] = "ref: refs/heads/";
	auto_buf struct buf out = { 0 };
	const char *name;
	enum got got;

	if (ask_head(w, &out, err) < 0)
		return -1;
	if (out.len == 0)
		return absent(w, "commit", "at all", err);
	if (text_starts(out.data, mark)) {
		name = out.data + strlen(mark);
		free(w->m->branch);
		w->m->branch = mem_strndup(name, strcspn(name, "\t\n"));
		if (check_branch(w->m->branch, err) < 0)
			return -1;
		return fetch_branch(w, w->m->branch, err);
	}
	got = fetch(w, "HEAD", w->ref, err);
	if (got == ABSENT)
		return absent(w, "commit", "at HEAD", err);
	return got == FETCHED ? 0 : -1;
}

/* An exact commit, or where the server refuses that, what may hold it. */
static int
fetch_commit(struct work *w, struct err *err)
{
	const struct mirror_want *want = w->want;
	size_t n = strlen(want->commit);

	if (n == 40 || n == 64) {
		enum got got = fetch(w, want->commit, w->ref, err);

		if (got != ABSENT)
			return got == FETCHED ? 0 : -1;
	}
	if (want->branch != NULL && fetch_branch(w, want->branch, err) == 0)
		return 0;
	if (err->status != 0 && strcmp(err->code, "no-such-commit") != 0)
		return -1;
	*err =
	    (struct err){ 0 }; /* the branch is gone, the commit may not be */
	return fetch_all(w, err);
}

static int
fetch_wanted(struct work *w, struct err *err)
{
	if (w->want->commit != NULL)
		return fetch_commit(w, err);
	if (w->want->branch != NULL)
		return fetch_branch(w, w->want->branch, err);
	return fetch_head(w, err);
}

/* Is the wanted commit here, whole, and a tree that may be read? */
static int
have(struct work *w, struct err *err)
{
	const char *commit = w->want->commit;
	struct tree_commit c = { 0 };
	struct tree *t = NULL;
	int rc = tree_open_git(&t, w->m->path, commit != NULL ? commit : w->ref,
	    err);

	if (rc < 0 && commit != NULL &&
	    strcmp(err->code, "no-such-commit") == 0)
		return err_set(err, EX_NOINPUT, "no-such-commit",
		    "%s: no commit %s there", w->want->url, commit);
	if (rc == 0 && tree_git_commit(t, &c, err) != 1)
		rc = absent(w, "commit", commit != NULL ? commit : w->ref, err);
	if (rc == 0 && w->want->root != NULL)
		rc = tree_root(t, w->want->root, err);
	if (rc == 0)
		rc = tree_check(t, err);
	if (rc == 0)
		memcpy(w->m->id, c.id, sizeof(c.id));
	tree_commit_release(&c);
	tree_close(t);
	return rc;
}

/* A failure for which the mirror itself is to blame. */
static bool
broken(struct work *w, const struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct err none = { 0 };

	if (w->fresh)
		return false;
	if (strcmp(err->code, "git-broken") == 0 ||
	    strcmp(err->code, "source-missing") == 0)
		return true;
	return strcmp(err->code, "fetch-failed") == 0 &&
	       ask_head(w, &out, &none) == 1;
}

static int
bring(struct work *w, struct err *err)
{
	struct err first = { 0 };

	if (there(w, err) < 0)
		return -1;
	if (w->want->commit != NULL && have(w, &first) == 0)
		return 0;
	if (first.status != 0 && strcmp(first.code, "no-such-commit") != 0) {
		*err = first;
		return -1;
	}
	if (fetch_wanted(w, err) < 0)
		return -1;
	return have(w, err);
}

static int
work(struct work *w, struct err *err)
{
	struct err first = { 0 };

	if (bring(w, &first) == 0)
		return 0;
	if (!broken(w, &first)) {
		*err = first;
		return -1;
	}
	log_warn("%s: the mirror is broken (%s), made again", w->want->url,
	    first.msg);
	return make(w, err) < 0 ? -1 : bring(w, err);
}

static int
lock(const struct mirror *m, int64_t wait_ms, int *fd, struct err *err)
{
	auto_buf struct buf path = { 0 };

	if (conf_run_path(&path, "mirrors", err) < 0)
		return -1;
	buf_addf(&path, "%s.lock", strrchr(m->path, '/'));
	return io_lock(path.data, wait_ms, fd, err);
}

int
mirror_fetch(const struct mirror_want *want, struct mirror *m, struct err *err)
{
	const char *branch = want->branch != NULL ? want->branch : "";
	struct work w = { .want = want, .m = m };
	auto_buf struct buf path = { 0 };
	auto_fd int fd = -1;
	char hex[SHA256_HEX];
	int rc;

	if (check_want(want, err) < 0 ||
	    conf_u64("FETCH_TIMEOUT", 900, 1, 86400, &w.seconds, err) < 0 ||
	    mirror_path(want->url, &path, err) < 0)
		return -1;
	m->path = buf_steal(&path);
	m->branch = want->branch != NULL ? mem_strdup(branch) : NULL;
	/* Flat: branches "a" and, later, "a/b" are no file and folder. */
	sha256_hex(branch, strlen(branch), hex);
	(void)snprintf(w.ref, sizeof(w.ref), "refs/rcn/%.32s", hex);
	if (set_user(&w, err) < 0 || give_folder(&w, err) < 0 ||
	    lock(m, (int64_t)w.seconds * 1000, &fd, err) < 0)
		return -1;
	make_env(&w);
	rc = work(&w, err);
	/* When it was used last: rcn-gc goes by that. */
	(void)utimensat(AT_FDCWD, m->path, NULL, 0);
	strvec_release(&w.env);
	buf_release(&w.said);
	return rc;
}

void
mirror_release(struct mirror *m)
{
	free(m->path);
	free(m->branch);
	*m = (struct mirror){ 0 };
}
