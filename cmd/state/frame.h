/*
 * frame - between cmd/rcn-state.c and verbs.c only: the options that stand
 * before a verb and after it alike.
 */
#ifndef CMD_STATE_FRAME_H
#define CMD_STATE_FRAME_H

enum { OPT_JSON = 256, OPT_TABLE, OPT_FIRST };
enum { FRAME_OPTIONS = 6 };

#define FRAME_SHORT "hqvV"
#define FRAME_LONG                                     \
	{ "help", no_argument, NULL, 'h' },            \
	    { "json", no_argument, NULL, OPT_JSON },   \
	    { "quiet", no_argument, NULL, 'q' },       \
	    { "table", no_argument, NULL, OPT_TABLE }, \
	    { "verbose", no_argument, NULL, 'v' },     \
	{                                              \
		"version", no_argument, NULL, 'V'      \
	}

int frame_option(int opt); /* 0 taken, -1: -h, -V or none of ours */
void frame_end(void); /* what is left to print */

#endif
