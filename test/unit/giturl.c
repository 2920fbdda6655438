/* One key for every way to write a repository's address. */
#include "tap.h"

#include "parse/giturl.h"

static const struct {
	const char *url, *key; /* NULL: refused */
} rows[] = {
	{ "https://github.com/Owner/Name", "github.com/owner/name" },
	{ "https://github.com/owner/name.git", "github.com/owner/name" },
	{ "https://github.com/owner/name.git/", "github.com/owner/name" },
	{ "HTTPS://GitHub.com//owner//name/", "github.com/owner/name" },
	{ "https://u:p@github.com:443/owner/name", "github.com/owner/name" },
	{ "git@github.com:owner/name.git", "github.com/owner/name" },
	{ "github.com:/owner/name", "github.com/owner/name" },
	{ "ssh://git@github.com/owner/name.git", "github.com/owner/name" },
	{ "ssh://git@ssh.github.com:443/owner/name", "github.com/owner/name" },
	{ "git@ssh.github.com:owner/name", "github.com/owner/name" },
	{ "git://github.com/owner/name.git", "github.com/owner/name" },
	{ "https://www.github.com/owner/name", "github.com/owner/name" },
	{ "git@altssh.gitlab.com:g/s/name.git", "gitlab.com/g/s/name" },
	{ "http://127.0.0.1:3000/o/n.git", "127.0.0.1/o/n" },
	{ "http://[::1]:3000/o/n.git", "[::1]/o/n" },
	{ "git@[::1]:o/n.git", "[::1]/o/n" },
	{ "https://git.example.com./sub/o/n", "git.example.com/sub/o/n" },
	{ "https://h/.git", "h/.git" },
	{ "https://h/o/a.git.git", "h/o/a.git" },
	{ "/srv/Git/App.git", "/srv/Git/App.git" },
	{ "/srv/git/app.git//", "/srv/git/app.git" },
	{ "file:///srv/Git/App.git", "/srv/Git/App.git" },
	{ "/", "/" },
	{ "", NULL },
	{ "-oProxyCommand=x:y", NULL },
	{ "https://", NULL },
	{ "https:///o/n", NULL },
	{ "https://github.com", NULL },
	{ "https://github.com/", NULL },
	{ "https://github.com/../x", NULL },
	{ "https://github.com/./x", NULL },
	{ "https://github.com/o/n?x=1", NULL },
	{ "https://-h/o/n", NULL },
	{ "ssh://git@-h/o/n", NULL },
	{ "git@-h:o/n", NULL },
	{ "git@:o/n", NULL },
	{ "ext::sh", NULL },
	{ "git@[::1:o/n", NULL },
	{ "ftp://h/o/n", NULL },
	{ "relative/path", NULL },
	{ "name", NULL },
	{ "https://h/a b", NULL },
	{ "https://h/a\nb", NULL },
};

static void
secrets(void)
{
	static const char *const with[] = { "https://token@h/o/n",
		"http://u:p@h/o/n", "HTTPS://u:p@h:1/o/n", "ssh://u:p@h/o/n",
		"git+https://t@h/o/n" };
	static const char *const without[] = { "https://h/o/n",
		"https://h/o@x/n", "git@h:o/n", "ssh://git@h:22/o/n", "/a@b:c",
		"file:///a@b" };

	for (size_t i = 0; i < sizeof(with) / sizeof(*with); i++)
		ok(giturl_has_secret(with[i]), "%s", with[i]);
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++)
		ok(!giturl_has_secret(without[i]), "%s", without[i]);
}

int
main(void)
{
	secrets();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		auto_buf struct buf key = { 0 };
		struct err err = { 0 };
		int rc;

		buf_adds(&key, "k=");
		rc = giturl_key(rows[i].url, &key, &err);
		ok(rc == (rows[i].key != NULL ? 0 : -1), "'%s' is %s",
		    rows[i].url, rows[i].key != NULL ? "taken" : "refused");
		tap_str(key.data + 2, rows[i].key != NULL ? rows[i].key : "",
		    "its key");
		ok((rc < 0) == (err.status == EX_USAGE), "and the status");
	}
	return tap_end();
}
