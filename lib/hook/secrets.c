#include "hook/secrets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"

enum {
	FILE_MAX = 64 << 20,
	TRIES = 12,
	KEYS = 8, /* files that are tried where none is named */
	KEY_BYTES = 32,
};

struct box {
	char *sealed; /* base64 */
	char *secret; /* once opened */
	bool tried;
};

struct entry {
	char *key; /* "*": default */
	char *key_id; /* or NULL */
	struct box *box;
	size_t n;
};

struct secrets {
	char *dir, *path;
	struct entry *all; /* the default is the last */
	size_t n;
	struct stat seen;
	unsigned char dummy[KEY_BYTES];
};

static void
wipe(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

static void
entry_release(struct entry *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->box[i].sealed);
		wipe(e->box[i].secret);
	}
	free(e->box);
	free(e->key);
	free(e->key_id);
}

static void
forget(struct entry *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		entry_release(&all[i]);
	free(all);
}

static int
bad(const struct secrets *s, const char *why, struct err *err)
{
	return err_set(err, EX_DATAERR, "bad-hook-file", "%s: %s", s->path,
	    why);
}

static int
add(struct secrets *s, struct entry *e, const char *key, const char *key_id,
    json_t *sealed, struct err *err)
{
	json_t *text;
	size_t i;

	*e = (struct entry){ 0 };
	if (key == NULL || (sealed != NULL && !json_is_array(sealed)))
		return bad(s, "a repository needs key and sealed", err);
	e->key = mem_strdup(key);
	e->key_id = key_id != NULL ? mem_strdup(key_id) : NULL;
	e->box = mem_zalloc(json_array_size(sealed) + 1, sizeof(*e->box));
	json_array_foreach(sealed, i, text) {
		if (!json_is_string(text))
			return bad(s, "sealed is a list of texts", err);
		e->box[e->n++].sealed = mem_strdup(json_string_value(text));
	}
	return 0;
}

static int
fill(struct secrets *s, json_t *doc, struct entry *all, struct err *err)
{
	json_t *rows = json_object_get(doc, "repositories"), *r;
	size_t i, n = json_array_size(rows);

	json_array_foreach(rows, i, r)
		if (add(s, &all[i], json_str(r, "key", NULL),
			json_str(r, "key_id", NULL),
			json_object_get(r, "sealed"), err) < 0)
			return -1;
	return add(s, &all[n], "*", json_str(doc, "default_key_id", NULL),
	    json_object_get(doc, "default"), err);
}

static int
load(struct secrets *s, const char *text, size_t size, struct err *err)
{
	json_auto_t *doc = json_parse(text, size, s->path, err);
	struct entry *all;
	size_t n;

	if (doc == NULL)
		return -1;
	if (json_int(doc, "version", 0) != 1)
		return bad(s, "not of version 1", err);
	n = json_array_size(json_object_get(doc, "repositories")) + 1;
	all = mem_zalloc(n, sizeof(*all));
	if (fill(s, doc, all, err) < 0) {
		forget(all, n);
		return -1;
	}
	forget(s->all, s->n);
	s->all = all;
	s->n = n;
	return 0;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int
secrets_refresh(struct secrets *s, struct err *err)
{
	struct stat st = { 0 };
	int there = stat(s->path, &st) == 0, rc;
	auto_buf struct buf text = { 0 };

	if (same_file(&st, &s->seen))
		return 0;
	s->seen = st;
	if (!there) {
		forget(s->all, s->n);
		s->all = NULL;
		s->n = 0;
		return 1;
	}
	if (io_read_file(s->path, FILE_MAX, &text, err) < 0)
		return -1;
	rc = load(s, buf_str(&text), text.len, err);
	buf_release(&text);
	malloc_trim(0);
	return rc < 0 ? -1 : 1;
}

int
secrets_open(struct secrets **out, const char *dir, struct err *err)
{
	struct secrets *s;

	json_init();
	if (sodium_init() < 0)
		return err_set(err, EX_OSERR, "os-error", "libsodium");
	s = mem_zalloc(1, sizeof(*s));
	s->dir = mem_strdup(dir);
	s->path = mem_printf("%s/repositories.json", dir);
	random_bytes(s->dummy, sizeof(s->dummy));
	if (secrets_refresh(s, err) < 0) {
		secrets_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
secrets_close(struct secrets *s)
{
	if (s == NULL)
		return;
	forget(s->all, s->n);
	free(s->dir);
	free(s->path);
	free(s);
}

size_t
secrets_count(const struct secrets *s)
{
	return s->n > 0 ? s->n - 1 : 0;
}

/* Opening a box. */

static bool
is_id(const char *id)
{
	size_t n = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-");

	return n > 0 && n <= 64 && id[n] == '\0';
}

static bool
read_key(const struct secrets *s, const char *id, unsigned char sk[KEY_BYTES])
{
	auto_free char *path = mem_printf("%s/key-%s", s->dir, id);
	auto_fd int fd =
	    is_id(id) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	return fd >= 0 && io_read(fd, sk, KEY_BYTES) == KEY_BYTES;
}

static bool
unseal(const struct secrets *s, const char *id, const struct buf *sealed,
    unsigned char *out)
{
	unsigned char sk[KEY_BYTES], pk[KEY_BYTES];
	bool ok = read_key(s, id, sk) && crypto_scalarmult_base(pk, sk) == 0 &&
		  crypto_box_seal_open(out, (const unsigned char *)sealed->data,
		      sealed->len, pk, sk) == 0;

	explicit_bzero(sk, sizeof(sk));
	return ok;
}

/* With the key that is named, else with each that is there. */
static bool
unseal_any(const struct secrets *s, const char *id, const struct buf *sealed,
    unsigned char *out)
{
	DIR *d;
	struct dirent *e;
	bool ok = id != NULL && unseal(s, id, sealed, out);
	int left = KEYS;

	if (ok || (d = opendir(s->dir)) == NULL)
		return ok;
	while (!ok && left > 0 && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "key-", 4) == 0) {
			ok = unseal(s, e->d_name + 4, sealed, out);
			left--;
		}
	closedir(d);
	return ok;
}

static char *
identified(const char *text, size_t n, const char *key)
{
	struct err err = { 0 };
	json_auto_t *doc = json_parse(text, n, "sealed", &err);
	const char *secret = json_str(doc, "secret", "");

	if (strcmp(json_str(doc, "repository", ""), key) != 0 || *secret == 0)
		return NULL;
	return mem_strdup(secret);
}

static const char *
secret_of(const struct secrets *s, const struct entry *e, struct box *b)
{
	auto_buf struct buf sealed = { 0 };
	auto_free unsigned char *out = NULL;

	if (b->tried)
		return b->secret;
	b->tried = true;
	if (base64_decode(&sealed, b->sealed, strlen(b->sealed)) == 0 &&
	    sealed.len > crypto_box_SEALBYTES) {
		size_t n = sealed.len - crypto_box_SEALBYTES;

		out = mem_alloc(n);
		if (unseal_any(s, e->key_id, &sealed, out))
			b->secret = identified((char *)out, n, e->key);
		explicit_bzero(out, n);
	}
	if (b->secret == NULL)
		log_warn("%s: %s: a secret that our key does not open", s->path,
		    e->key);
	return b->secret;
}

/* Matching. */

static bool
wanted(const struct entry *e, const struct strvec *names)
{
	size_t n = strlen(e->key);

	if (strcmp(e->key, "*") == 0)
		return true;
	for (size_t i = 0; i < names->n; i++) {
		size_t m = strlen(names->v[i]);

		if (n > m && e->key[n - m - 1] == '/' &&
		    strcmp(e->key + n - m, names->v[i]) == 0)
			return true;
	}
	return false;
}

static bool
signs(const char *secret, const void *p, size_t n, const unsigned char mac[32])
{
	unsigned char ours[SHA256_BYTES];

	hmac_sha256(secret, strlen(secret), p, n, ours);
	return sodium_memcmp(ours, mac, sizeof(ours)) == 0;
}

/* How many secrets were tried. */
static int
match(struct secrets *s, const struct strvec *names, const void *p, size_t n,
    const unsigned char mac[32], struct strvec *keys)
{
	int tries = 0;

	for (size_t i = 0; i < s->n && tries < TRIES; i++) {
		struct entry *e = &s->all[s->n - 1 - i];

		if (!wanted(e, names))
			continue;
		for (size_t j = 0; j < e->n && tries < TRIES; j++) {
			const char *secret = secret_of(s, e, &e->box[j]);

			if (secret == NULL)
				continue;
			tries++;
			if (signs(secret, p, n, mac)) {
				strvec_add(keys, e->key);
				break;
			}
		}
	}
	return tries;
}

void
secrets_match(struct secrets *s, const struct strvec *names, const void *p,
    size_t n, const unsigned char mac[32], struct strvec *keys)
{
	unsigned char none[SHA256_BYTES];
	struct err ignored = { 0 };
	int tries = match(s, names, p, n, mac, keys);

	/* A key that was rotated since we read the file: it is another now. */
	if (keys->n == 0 && secrets_refresh(s, &ignored) == 1)
		tries = match(s, names, p, n, mac, keys);
	/* A repository that is not known takes as long as one that is. */
	if (tries == 0)
		hmac_sha256(s->dummy, sizeof(s->dummy), p, n, none);
}
