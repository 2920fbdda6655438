#include "base/keyed.h"

#include <string.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/io.h"

enum { KEY_BYTES = 32 };

static int
read_key(unsigned char key[KEY_BYTES], struct err *err)
{
	auto_buf struct buf path = { 0 };
	AUTO(buf_wipe) struct buf old = { 0 };
	auto_fd int lock = -1;
	int found;

	if (conf_run_path(&path, "lock", err) < 0)
		return -1;
	buf_adds(&path, "/env.key");
	if (io_lock(path.data, -1, &lock, err) < 0)
		return -1;
	buf_clear(&path);
	if (conf_state_path(&path, "", err) < 0)
		return -1;
	buf_adds(&path, "/env.key");
	found = io_read_maybe(path.data, KEY_BYTES, &old, err);
	if (found < 0)
		return -1;
	if (found == 1 && old.len == KEY_BYTES) {
		memcpy(key, old.data, KEY_BYTES);
		return 0;
	}
	random_bytes(key, KEY_BYTES);
	return io_replace(path.data, 0600, key, KEY_BYTES, err);
}

int
keyed_name(const void *p, size_t n, char name[KEYED_NAME], struct err *err)
{
	unsigned char key[KEY_BYTES], sum[SHA256_BYTES];

	if (read_key(key, err) < 0)
		return -1;
	hmac_sha256(key, sizeof(key), p, n, sum);
	explicit_bzero(key, sizeof(key));
	hex_encode(sum, (KEYED_NAME - 1) / 2, name);
	return 0;
}
