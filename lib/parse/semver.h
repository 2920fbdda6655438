/*
 * semver - does a version satisfy a range, as npm and Python write ranges.
 * npm: ">=18 <23", "^20.3", "~22.1.0", "18.x || 20.x", "18 - 20", "*".
 * Python: ">=3.10,<3.14", "~=3.11", "==3.12.*", "!=3.11.0"; poetry's "^3.12".
 * Ruby and Elixir: "~> 3.2" is 3.2 and later below 4, "~> 3.2.1" below 3.3.
 * A partial version stands for all it begins: "<=20" takes 20.19.5.  What
 * follows "-" or "+" in a version is not looked at.
 */
#ifndef PARSE_SEMVER_H
#define PARSE_SEMVER_H

#include <stdbool.h>

struct semver {
	unsigned part[3];
	int given; /* how many parts were written, 0 to 3 */
};

/* "v20.1", "3.12.4-rc1"; false: not a version, nothing else in s. */
bool semver_parse(struct semver *, const char *s);
int semver_compare(const struct semver *, const struct semver *);
/* 1 satisfied, 0 not, -1 not a range. */
int semver_match(const char *range, const struct semver *);

#endif
