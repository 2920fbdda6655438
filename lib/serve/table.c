#include "serve/table.h"

#include <unistd.h>

#include "base/buf.h"

static void
link_last(struct table *t, int32_t i, enum conn_state state)
{
	struct conn *c = &t->row[i];

	c->state = (uint8_t)state;
	c->next = -1;
	c->prev = t->list[state].last;
	if (c->prev >= 0)
		t->row[c->prev].next = i;
	else
		t->list[state].first = i;
	t->list[state].last = i;
	t->list[state].n++;
}

static void
unlink_row(struct table *t, int32_t i)
{
	struct conn *c = &t->row[i];

	if (c->prev >= 0)
		t->row[c->prev].next = c->next;
	else
		t->list[c->state].first = c->next;
	if (c->next >= 0)
		t->row[c->next].prev = c->prev;
	else
		t->list[c->state].last = c->prev;
	t->list[c->state].n--;
}

void
table_init(struct table *t, size_t size)
{
	t->row = mem_zalloc(size, sizeof(*t->row));
	t->size = size;
	t->used = 0;
	for (int s = 0; s < CONN_STATES; s++) {
		t->list[s].first = t->list[s].last = -1;
		t->list[s].n = 0;
	}
}

void
table_release(struct table *t)
{
	for (size_t i = 0; i < t->used; i++)
		if (t->row[i].fd >= 0)
			close(t->row[i].fd);
	free(t->row);
	*t = (struct table){ 0 };
}

void
table_move(struct table *t, int32_t i, enum conn_state state, int64_t now)
{
	unlink_row(t, i);
	link_last(t, i, state);
	t->row[i].since = now;
}

int32_t
table_take(struct table *t, int fd, int64_t now)
{
	int32_t i = t->list[CONN_FREE].first;
	struct conn *c;

	if (i < 0) {
		if (t->used == t->size)
			return -1;
		i = (int32_t)t->used++;
		link_last(t, i, CONN_FREE);
	}
	c = &t->row[i];
	c->fd = fd;
	c->seen = c->need = 0;
	c->whole = false;
	c->work = NULL;
	table_move(t, i, CONN_WAIT, now);
	return i;
}

void
table_close(struct table *t, int32_t i)
{
	struct conn *c = &t->row[i];

	close(c->fd);
	c->fd = -1;
	c->gen++;
	c->work = NULL;
	unlink_row(t, i);
	/* The last that was used is the next to be: fewer pages. */
	c->state = CONN_FREE;
	c->prev = -1;
	c->next = t->list[CONN_FREE].first;
	if (c->next >= 0)
		t->row[c->next].prev = i;
	else
		t->list[CONN_FREE].last = i;
	t->list[CONN_FREE].first = i;
	t->list[CONN_FREE].n++;
}
