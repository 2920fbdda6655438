/*
 * xml - a manifest in XML (pom.xml, *.csproj) as JSON, for reading.
 * Elements, attributes, text, CDATA, the five entities and numeric ones;
 * comments, processing instructions and a document type are passed over, and
 * nothing is ever fetched or expanded beyond that.  Names lose their prefix.
 * Nesting is limited to 64 levels, the number of elements to 100,000; the
 * caller limits the size.
 */
#ifndef PARSE_XML_H
#define PARSE_XML_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/*
 * A new reference, the root: {"name", "text", "line", "attrs": {}, "in":
 * [...]}; text is what stands directly in it, without blanks around; attrs
 * and in are not there where they are empty.  EX_DATAERR "bad-xml", with
 * line.
 */
json_t *xml_parse(const char *, size_t, const char *what, struct err *);

/* The first element at a path below o, "dependencies.dependency"; borrowed,
 * NULL: there is none. */
const json_t *xml_at(const json_t *o, const char *path);
/* The text there, or NULL. */
const char *xml_text(const json_t *o, const char *path);
int xml_line(const json_t *); /* 0 for NULL */

#endif
