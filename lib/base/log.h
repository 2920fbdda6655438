/*
 * log - messages to stderr, "rcn-verb: level: text", one write(2) each.
 * Silent on success is the rule: log_info() shows only with -v, log_debug()
 * with -vv; log_warn() and log_note() always, save with -q (warnings stay).
 * All text is made printable UTF-8 and masked (mask.h).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

/* First in main(): a closed 0-2 is opened on /dev/null, SIGPIPE ignored. */
void log_init(const char *name); /* name is static: "rcn-build" */
const char *log_name(void);
void log_verbose(int delta); /* -v: +1, -q: -1 */
int log_level(void); /* 0 by default */

#define LOG_FMT __attribute__((format(printf, 1, 2)))
void log_warn(const char *, ...) LOG_FMT;
void log_note(const char *, ...) LOG_FMT; /* progress a person wants */
void log_info(const char *, ...) LOG_FMT;
void log_debug(const char *, ...) LOG_FMT;
void log_raw(const char *, ...) LOG_FMT; /* no prefix; cleaned and masked */

#endif
