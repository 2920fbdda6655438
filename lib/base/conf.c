#include "base/conf.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/io.h"
#include "base/text.h"

enum { CONF_MAX = 1 << 20 };

static struct strvec keys, values;
static int loaded; /* 0 not yet, 1 yes, -1 failed with load_err */
static struct err load_err;

/* Value of the text after '=': one pair of quotes is taken off. */
static void
unquote(const char *s, size_t n, struct buf *out)
{
	const char quote = *s; /* of a whole line: never past its end */

	if (n < 2 || (quote != '"' && quote != '\'') || s[n - 1] != quote) {
		buf_add(out, s, n);
		return;
	}
	for (size_t i = 1; i + 1 < n; i++) {
		if (quote == '"' && s[i] == '\\' && i + 2 < n)
			i++;
		buf_addc(out, s[i]);
	}
}

static int
parse_line(const char *path, size_t number, const char *s, size_t n)
{
	const char *eq;
	size_t name;
	auto_buf struct buf value = { 0 };

	while (n > 0 && (*s == ' ' || *s == '\t'))
		s++, n--;
	while (n > 0 && strchr(" \t\r", s[n - 1]) != NULL)
		n--;
	if (n == 0 || *s == '#' || *s == ';')
		return 0;
	if ((eq = memchr(s, '=', n)) == NULL || eq == s)
		return err_set(&load_err, EX_CONFIG, "bad-settings-file",
		    "%s:%zu: not KEY=value", path, number);
	if (strncmp(s, "RCN_", 4) == 0)
		s += 4, n -= 4;
	for (name = (size_t)(eq - s); name > 0 && isblank(s[name - 1]);)
		name--;
	strvec_addn(&keys, s, name);
	n -= (size_t)(++eq - s);
	while (n > 0 && isblank(*eq))
		eq++, n--;
	unquote(eq, n, &value);
	strvec_add(&values, buf_str(&value));
	return 0;
}

const char *
conf_path(void)
{
	const char *path = getenv("RCN_CONF");

	return path != NULL ? path : "/etc/rcn/rcn.conf";
}

static int
load(void)
{
	const char *path = conf_path();
	auto_buf struct buf b = { 0 };
	size_t number = 0;

	loaded = -1;
	if (io_read_maybe(path, CONF_MAX, &b, &load_err) < 0) {
		load_err.status = EX_CONFIG;
		load_err.code = "bad-settings-file";
		return -1;
	}
	for (char *p = b.data, *end; p != NULL && *p != '\0'; p = end) {
		size_t n = strcspn(p, "\n");

		end = p + n + (p[n] == '\n');
		if (parse_line(path, ++number, p, n) < 0)
			return -1;
	}
	loaded = 1;
	return 0;
}

int
conf_check(struct err *err)
{
	if (loaded == 0)
		(void)load();
	if (loaded < 0)
		*err = load_err;
	return loaded < 0 ? -1 : 0;
}

const char *
conf_get(const char *name, const char *def)
{
	char env[128];
	const char *v;

	(void)snprintf(env, sizeof(env), "RCN_%s", name);
	if ((v = getenv(env)) != NULL && *v != '\0')
		return v;
	if (loaded == 0)
		(void)load();
	for (size_t i = keys.n; i > 0; i--)
		if (strcmp(keys.v[i - 1], name) == 0)
			return values.v[i - 1];
	return def;
}

int
conf_u64(const char *name, uint64_t def, uint64_t min, uint64_t max,
    uint64_t *out, struct err *err)
{
	const char *v = conf_get(name, NULL);

	*out = def;
	if (v == NULL)
		return 0;
	if (parse_u64(v, min, max, out, err) < 0) {
		err_wrap(err, "setting RCN_%s", name);
		err->status = EX_CONFIG;
		err->code = "bad-setting";
		return -1;
	}
	return 0;
}

static const char *
place(const char *name, const char *root, const char *xdg, const char *home)
{
	static char *kept[4];
	static int n;
	const char *v = conf_get(name, NULL), *base;

	if (v != NULL)
		return v;
	if (geteuid() == 0)
		return root;
	base = getenv(xdg);
	if (base == NULL || *base == '\0') {
		base = getenv("HOME");
		kept[n] = mem_printf("%s%s", base != NULL ? base : "", home);
	} else {
		kept[n] = mem_printf("%s/rcn", base);
	}
	return kept[n++];
}

const char *
conf_state_dir(void)
{
	static const char *dir;

	if (dir == NULL)
		dir = place("STATE_DIR", "/var/lib/rcn", "XDG_STATE_HOME",
		    "/.local/state/rcn");
	return dir;
}

const char *
conf_run_dir(void)
{
	static const char *dir;

	if (dir == NULL)
		dir = place("RUN_DIR", "/run/rcn", "XDG_RUNTIME_DIR",
		    "/.local/state/rcn/run");
	return dir;
}

const char *
conf_share_dir(void)
{
	static const char *const tries[] = { "share/rcn", "share" };
	static char found[PATH_MAX];
	char exe[PATH_MAX];
	const char *v = conf_get("SHARE_DIR", NULL);
	ssize_t n;

	if (v != NULL)
		return v;
	if (found[0] != '\0')
		return found;
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	for (int up = 0; up < 2 && strrchr(exe, '/') != NULL; up++)
		*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < 2; i++) {
		char probe[PATH_MAX + 32];

		(void)snprintf(probe, sizeof(probe), "%s/%s/schema", exe,
		    tries[i]);
		if (access(probe, F_OK) == 0 &&
		    (size_t)snprintf(found, sizeof(found), "%s/%s", exe,
			tries[i]) < sizeof(found))
			return found;
	}
	return "/usr/share/rcn";
}

static int
make_path(struct buf *path, const char *dir, const char *sub, struct err *err)
{
	buf_adds(path, dir);
	if (*sub != '\0')
		buf_addf(path, "/%s", sub);
	return io_mkdirs(buf_str(path), 0700, err);
}

int
conf_state_path(struct buf *path, const char *sub, struct err *err)
{
	return make_path(path, conf_state_dir(), sub, err);
}

int
conf_run_path(struct buf *path, const char *sub, struct err *err)
{
	return make_path(path, conf_run_dir(), sub, err);
}

const char *
conf_installation(struct err *err)
{
	static char id[17];
	auto_buf struct buf path = { 0 }, text = { 0 };
	unsigned char raw[8];
	auto_fd int lock = -1;
	int there;

	if (id[0] != '\0')
		return id;
	if (conf_state_path(&path, "", err) < 0)
		return NULL;
	buf_adds(&path, "/installation");
	auto_buf struct buf lockname = { 0 };
	buf_addf(&lockname, "%s.lock", path.data);
	if (io_lock(lockname.data, -1, &lock, err) < 0)
		return NULL;
	there = io_read_maybe(path.data, 64, &text, err);
	if (there < 0)
		return NULL;
	if (there == 1 && text.len >= 16) {
		memcpy(id, text.data, 16);
		return id;
	}
	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), id);
	if (io_replace(path.data, 0644, id, 16, err) < 0) {
		id[0] = '\0';
		return NULL;
	}
	return id;
}
