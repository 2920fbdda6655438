/*
 * table - the connections of a server: a fixed number of small rows, each on
 * the list of its state, oldest first.  A row is named by its index; gen
 * changes when it is freed, so that an event for who had it before is known.
 */
#ifndef SERVE_TABLE_H
#define SERVE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conn_state {
	CONN_FREE,
	CONN_WAIT, /* its request is not whole yet */
	CONN_READY, /* it is; waits for its turn */
	CONN_PARTLY, /* only its head is, and will be; waits too */
	CONN_WORK, /* with the HTTP library */
	CONN_LINGER, /* answered; what it still sends is thrown away */
	CONN_STATES,
};

struct conn {
	int fd;
	uint32_t gen;
	int32_t prev, next; /* -1: none */
	uint8_t state;
	uint32_t seen; /* WAIT: bytes looked at; LINGER: thrown away */
	uint32_t need; /* WAIT: bytes to wait for, once known */
	bool whole; /* they are the whole request */
	int64_t since; /* ms, when it came to this state */
	void *work; /* in CONN_WORK, while the library has it */
};

struct table {
	struct conn *row;
	size_t size, used; /* rows after `used` were never touched */
	struct {
		int32_t first, last;
		size_t n;
	} list[CONN_STATES];
};

void table_init(struct table *, size_t size);
void table_release(struct table *); /* closes what is open */
/* To the end of another list; its time begins. */
void table_move(struct table *, int32_t, enum conn_state, int64_t now);
/* A free row in CONN_WAIT, or -1. */
int32_t table_take(struct table *, int fd, int64_t now);
void table_close(struct table *, int32_t); /* closes fd, frees the row */
/* The oldest and the newest of a state, or -1. */
static inline int32_t
table_oldest(const struct table *t, enum conn_state state)
{
	return t->list[state].first;
}
static inline int32_t
table_newest(const struct table *t, enum conn_state state)
{
	return t->list[state].last;
}
static inline size_t
table_count(const struct table *t, enum conn_state state)
{
	return t->list[state].n;
}

static inline bool
table_full(const struct table *t)
{
	return t->used == t->size && t->list[CONN_FREE].n == 0;
}
static inline bool
table_empty(const struct table *t)
{
	return t->used == t->list[CONN_FREE].n;
}

#endif
