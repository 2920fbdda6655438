/* rcn-state key ... */
#include "cmd/state/verbs.h"
#include "state/key.h"

static int
init(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	int status = verb_args(v, argc, argv, NULL, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0 || key_init(st, err) < 0)
		return -1;
	return verb_show(v, key_list(st, err));
}

static int
rotate(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	json_t *keys;
	int64_t rows;
	int status = verb_args(v, argc, argv, NULL, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0 || key_rotate(st, &rows, err) < 0 ||
	    (keys = key_list(st, err)) == NULL)
		return -1;
	return verb_show(v, json_pack("{s:I, s:o}", "resealed",
				(json_int_t)rows, "keys", keys));
}

const struct verb verbs_key[] = {
	{ "key init", "", "holder id created_at", init },
	{ "key rotate", "", NULL, rotate },
	{ 0 },
};
