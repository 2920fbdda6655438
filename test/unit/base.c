/* What lib/base promises: text, numbers, hashes, files, processes, masks. */
#include "tap.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/proc.h"
#include "base/text.h"

static void
test_text(void)
{
	auto_buf struct buf b = { 0 };

	text_utf8(&b,
	    "a\xff"
	    "b\0c\xc3\xa9",
	    7);
	tap_str(b.data,
	    "a\xef\xbf\xbd"
	    "bc\xc3\xa9",
	    "bad bytes are replaced");
	buf_clear(&b);
	text_utf8(&b, "\xed\xa0\x80", 3);
	ok(b.len == 9, "a surrogate is three bad bytes");
	buf_clear(&b);
	text_printable(&b, "x\033[31m\xc2\x9b\n", 9);
	tap_str(b.data, "x?[31m?\n", "control bytes are replaced");
	buf_clear(&b);
	text_slug(&b, "My App_2.0--");
	tap_str(b.data, "my-app-2-0", "slug");
	buf_clear(&b);
	text_slug(&b, "---");
	tap_str(b.data, "app", "slug of nothing");
	ok(text_is_slug("a-1") && !text_is_slug("-a") && !text_is_slug("A") &&
		!text_is_slug(""),
	    "slugs are told from other text");
	ok(text_is_host("a.b-c.example") && text_is_host("1") &&
		!text_is_host("") && !text_is_host("A.b") &&
		!text_is_host("a..b") && !text_is_host("-a.b") &&
		!text_is_host("a-.b") && !text_is_host("a.b.") &&
		!text_is_host("a_b"),
	    "a host");
}

static void
test_number(void)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "1x",
		"18446744073709551616", "0", "11" };
	uint64_t v = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = { 0 };

		ok(parse_u64(bad[i], 1, 10, &v, &err) < 0 &&
			err.status == EX_USAGE && v == 7,
		    "refused: '%s'", bad[i]);
	}
	struct err err = { 0 };
	ok(parse_u64("10", 1, 10, &v, &err) == 0 && v == 10, "10 is taken");
}

static void
test_crypto(void)
{
	char hex[SHA256_HEX], id[UUID_TEXT], later[UUID_TEXT];
	unsigned char mac[SHA256_BYTES];
	auto_buf struct buf b = { 0 }, back = { 0 };

	sha256_hex("abc", 3, hex);
	tap_str(hex,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "SHA-256 of FIPS 180-2");
	hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
	hex_encode(mac, sizeof(mac), hex);
	tap_str(hex,
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	    "HMAC of RFC 4231");
	base64_encode(&b,
	    "\xfb\xff\xfe"
	    "a",
	    4, BASE64_URL);
	tap_str(b.data, "-__-YQ==", "base64url");
	ok(base64_decode(&back, b.data, b.len) == 0 && back.len == 4 &&
		memcmp(back.data,
		    "\xfb\xff\xfe"
		    "a",
		    4) == 0,
	    "base64 back");
	ok(base64_decode(&back, "a b", 3) < 0, "bad base64 is refused");
	uuid7(id);
	ok(strlen(id) == 36 && id[14] == '7', "UUIDv7");
	(void)usleep(2000);
	uuid7(later);
	ok(strcmp(id, later) < 0, "a later UUIDv7 sorts later");
}

/* The id of a process that is no more. */
static pid_t
ended(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	(void)waitpid(pid, NULL, 0);
	return pid;
}

static void
test_files(void)
{
	char dir[] = "/tmp/rcn-unit-XXXXXX";
	auto_buf struct buf b = { 0 };
	auto_free char *path = NULL, *deep = NULL;
	struct err err = { 0 };

	ok(mkdtemp(dir) != NULL, "a folder to work in");
	path = mem_printf("%s/f", dir);
	deep = mem_printf("%s/a/b/c", dir);
	ok(io_replace(path, 0600, "one", 3, &err) == 0, "write");
	ok(io_replace(path, 0600, "two", 3, &err) == 0, "write again");
	ok(io_read_file(path, 3, &b, &err) == 0 && strcmp(b.data, "two") == 0,
	    "read");
	ok(io_read_file(path, 2, &b, &err) < 0 && err.status == EX_DATAERR,
	    "past the limit is an error");
	ok(io_read_maybe(deep, 9, &b, &err) == 0, "not there is no error");
	ok(io_mkdirs(deep, 0700, &err) == 0 && access(deep, W_OK) == 0,
	    "folders are made");
	ok(io_replace("/proc/nowhere/f", 0600, "x", 1, &err) < 0 &&
		err.status == EX_CANTCREAT,
	    "what cannot be made says so");
	auto_free char *mine = mem_printf("%s/.rcn-%d-abcdef", dir, getpid());
	auto_free char *dead = mem_printf("%s/.rcn-%d-abcdef", dir, ended());
	ok(io_replace(mine, 0600, "x", 1, &err) == 0 &&
		io_replace(dead, 0600, "x", 1, &err) == 0,
	    "two half-written files");
	io_sweep(dir);
	ok(access(dead, F_OK) < 0, "swept: its writer has ended");
	ok(access(mine, F_OK) == 0 && access(path, F_OK) == 0,
	    "not swept: what is being written, what is no temporary");
	(void)unlink(mine);
	(void)unlink(path);
	(void)rmdir(deep);
	for (int i = 0; i < 2; i++) {
		*strrchr(deep, '/') = '\0';
		(void)rmdir(deep);
	}
	ok(rmdir(dir) == 0, "no temporary is left");
}

static void
count_line(const char *s, size_t n, void *ctx)
{
	(void)s;
	*(size_t *)ctx += n;
}

static void
test_proc(void)
{
	auto_buf struct buf out = { 0 };
	size_t bytes = 0;
	struct err err = { 0 };
	int status = -1;
	char *echo[] = { (char[]){ "sh" }, (char[]){ "-c" },
		(char[]){ "echo hi; printf 'ab\\ncd' >&2; exit 3" }, NULL };
	char *none[] = { (char[]){ "/nonexistent/x" }, NULL };
	char *nap[] = { (char[]){ "sleep" }, (char[]){ "100" }, NULL };
	char *die[] = { (char[]){ "sh" }, (char[]){ "-c" },
		(char[]){ "kill -9 $$" }, NULL };
	struct proc p = {
		.argv = echo, .out = &out, .line = count_line, .ctx = &bytes
	};

	ok(proc_run(&p, &status, &err) == 0 && status == 3, "exit code");
	tap_str(out.data, "hi\n", "stdout is kept");
	ok(bytes == 4, "stderr comes by lines");
	p = (struct proc){ .argv = none };
	ok(proc_run(&p, &status, &err) < 0 &&
		strcmp(err.code, "program-missing") == 0 && err.sys == ENOENT,
	    "a missing program says so");
	p = (struct proc){ .argv = nap, .timeout_ms = 50 };
	ok(proc_run(&p, &status, &err) < 0 && strcmp(err.code, "timeout") == 0,
	    "the deadline ends it");
	p = (struct proc){ .argv = die };
	ok(proc_run(&p, &status, &err) == 0 && status == 128 + 9,
	    "a signal is 128 + its number");
}

static void
test_err(void)
{
	struct err err = { 0 };

	err_set(&err, EX_DATAERR, "x", "%s: no", "a\nforged: line\r");
	err_wrap(&err, "in\n%s", "b");
	err_hint(&err, "do\nso");
	tap_str(err.msg, "in b: a forged: line : no", "a message is one line");
	tap_str(err.hint, "do so", "a hint too");
}

static void
test_mask(void)
{
	auto_buf struct buf b = { 0 };

	mask_add("hunter2hunter2");
	mask_add("hunter2hunter2-long");
	mask_add("short");
	buf_adds(&b, "a hunter2hunter2-long b hunter2hunter2 c short");
	mask_text(&b);
	tap_str(b.data, "a *** b *** c short", "secrets are masked");
}

static void
test_json(void)
{
	struct err err = { 0 };
	json_auto_t *v =
	    json_parse("{\"a\":{\"b\":[1],\"c\":7}}", 21, "x", &err);

	ok(json_int(v, "a.c", 0) == 7 && json_int(v, "a.x", 5) == 5, "paths");
	ok(json_parse("{\"a\":1,\"a\":2}", 13, "in", &err) == NULL &&
		err.status == EX_DATAERR && strncmp(err.msg, "in:1:", 5) == 0,
	    "a duplicate key is refused with its place");
	json_auto_t *latin = json_text("caf\xe9");
	tap_str(json_string_value(latin), "caf\xef\xbf\xbd", "Latin-1 text");
}

int
main(void)
{
	log_init("base");
	json_init();
	test_text();
	test_number();
	test_crypto();
	test_files();
	test_proc();
	test_err();
	test_mask();
	test_json();
	return tap_end();
}
