/*
 * peer - the other end of a socket, without the HTTP library: for what it
 * does not have yet, or is not to have at all.
 */
#ifndef SERVE_PEER_H
#define SERVE_PEER_H

#include <netinet/in.h>

enum { PEER_TEXT = INET6_ADDRSTRLEN };

void peer_name(int fd, char out[PEER_TEXT]); /* "192.0.2.1", "::1", "unix" */
/* A whole answer with {"error": ...}, as far as the socket takes it at once.
 * code and why are ours: they are not escaped. */
void peer_answer(int fd, int status, const char *code, const char *why);

#endif
