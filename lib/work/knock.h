/*
 * knock - small questions to the engine, without libcurl: is it there, and
 * one GET whose answer is JSON.  One connection each, HTTP/1.0, $DOCKER_HOST
 * (unix://PATH or tcp://HOST:PORT), else /var/run/docker.sock.
 */
#ifndef WORK_KNOCK_H
#define WORK_KNOCK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

/*
 * Whether it answers _ping with 200 within the time.  peer, NULL or the
 * process that owns its socket (0: not known): another one than before is an
 * engine that was started anew.
 */
bool knock(int64_t timeout_ms, pid_t *peer);
/* The answer; EX_UNAVAILABLE "engine-down", EX_PROTOCOL "engine-refused". */
json_t *knock_get(const char *path, int64_t timeout_ms, struct err *);

#endif
