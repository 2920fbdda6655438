/*
 * The reader of documents: any bytes give objects or an error.
 * links: lib/document/fields.c lib/base/*.c
 */
#include "../../lib/document/document.c"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct input in;
	struct err err = { 0 };
	json_t *doc = NULL;
	int fd = memfd_create("fuzz", MFD_CLOEXEC), got;

	if (fd < 0 || io_write_all(fd, data, n) < 0 || lseek(fd, 0, 0) < 0)
		abort();
	in = (struct input){ .fd = fd, .name = "fuzz" };
	while ((got = next_object(&in, &doc, &err)) == 1) {
		auto_buf struct buf b = { 0 };

		json_write(&b, doc, JSON_COMPACT);
		(void)doc_slug(doc);
		(void)doc_without_build(doc);
		(void)doc_need(doc, "image", &err);
		json_decref(doc);
	}
	if (got < 0 && err.msg[0] == '\0')
		abort();
	(void)close(fd);
	return 0;
}
