/*
 * mhd - the requests that are with libmicrohttpd, from a head that passed
 * guard.h to the answer.  It knows nothing of the table: serve.c hands it
 * connections, runs it, and looks which it has ended.
 *	mhd_open(&m, conf, err);	conf is borrowed, its defaults set
 *	watch mhd_fd(m) with epoll
 *	mhd_add(m, fd, since, now, &row->work);
 *	mhd_run(m, now);
 *	if (row->work == NULL)	the request has ended, close fd
 *	mhd_close(m);		before what the slots lie in
 * Bodies go to a spill.h; the callbacks of conf are called from mhd_run().
 */
#ifndef SERVE_MHD_H
#define SERVE_MHD_H

#include "serve/serve.h"

struct mhd;
int mhd_open(struct mhd **, const struct serve_conf *, struct err *);
void mhd_close(struct mhd *);
int mhd_fd(const struct mhd *);
/*
 * fd stays the caller's, and open while *slot is not NULL; the library gets a
 * copy, and if it does not take it, *slot is NULL at once.  since: when the
 * head was there.  -1: no descriptor is free for the copy.
 */
int mhd_add(struct mhd *, int fd, int64_t since, int64_t now, void **slot);
/* As far as it goes without waiting, held answers too. */
void mhd_run(struct mhd *, int64_t now);
/* There is more to run at once. */
bool mhd_ready(const struct mhd *);
/* A slow one makes room: the one whose last byte is oldest.  It ends in the
 * next mhd_run().  False: none is slow. */
bool mhd_drop_slow(struct mhd *, int64_t now);
/* Those that take too long; when stopping, those that bring nothing, too. */
void mhd_expire(struct mhd *, int64_t now, bool stopping);

#endif
