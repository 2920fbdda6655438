/*
 * gomod - what a go.mod, or a go.work, says.
 * Both have the same form: "verb words", or "verb (" and a line for each.
 * What is not understood is passed over: the go command judges it.
 */
#ifndef PARSE_GOMOD_H
#define PARSE_GOMOD_H

#include <jansson.h>
#include <stddef.h>

/*
 * A new reference, {"module": "example.org/a", "go": "1.25.1", "go_line": 3,
 * "toolchain": "1.26.0", "toolchain_line": 5, "require": [{"path", "version",
 * "line", "indirect"}], "replace": ["./local"...], "use": ["./a"...]}; what
 * is not said is not there, the lists always are.
 */
json_t *gomod_parse(const char *, size_t);

#endif
