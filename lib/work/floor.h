/*
 * floor - is there room for a build?  Free disk, of the state folder and of
 * the engine's own where it is on this machine, and free memory.
 */
#ifndef WORK_FLOOR_H
#define WORK_FLOOR_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

/* false: why tells what is short, and the setting that says so; 0 bytes:
 * nothing is asked. */
bool floor_holds(int64_t min_disk, int64_t min_memory, struct buf *why);

#endif
