/*
 * json - jansson, with the rules of this house.
 * A stranger's string enters JSON only through json_text() (invalid UTF-8
 * becomes U+FFFD, NUL dropped), so NULL from it cannot happen; allocation
 * failure ends the program (json_init(), called by doc and by who uses
 * jansson without it).  Numbers of ours are integers.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

void json_init(void);

json_t *json_text(const char *); /* new reference */
json_t *json_textn(const char *, size_t);
json_t *json_strvec(const struct strvec *); /* new array */

/* what names the source in messages: "what:line:column: text", EX_DATAERR
 * "bad-json".  Duplicate keys are refused. */
json_t *json_parse(const char *, size_t, const char *what, struct err *);
json_t *json_parse_file(const char *path, size_t max, struct err *);
/* Appends; flags as of jansson. */
void json_write(struct buf *, const json_t *, size_t flags);

/*
 * Reading: a path "project.health.path" from an object; all take NULL and
 * missing members as "not there".  Strings are borrowed.
 */
json_t *json_at(const json_t *, const char *path); /* borrowed or NULL */
const char *json_str(const json_t *, const char *path, const char *def);
int64_t json_int(const json_t *, const char *path, int64_t def);
bool json_bool(const json_t *, const char *path, bool def);

/*
 * What settings are made of: s a string that is not empty, c a command (a
 * string or a list of them), C a list of commands, l a list of strings, b true
 * or false, i a whole number, I a list of those, o an object, O a list of
 * those.  The text is for messages: "a list of commands".
 */
bool json_is_kind(const json_t *, char kind);
const char *json_kind_text(char kind);

/* Merge patch (RFC 7396): null takes a member away, objects are merged; into
 * is changed, patch is not. */
void json_merge(json_t *into, const json_t *patch);

/*
 * JSON that holds secrets: the last owner zeroes its strings before it lets
 * go; *v may be NULL.
 */
void json_wipe(json_t **v);
#define auto_wiped AUTO(json_wipe)

/* SHA-256 of JSON_COMPACT | JSON_SORT_KEYS text. */
void json_hash(const json_t *, char hex[65]);

#endif
