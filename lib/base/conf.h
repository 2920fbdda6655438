/*
 * conf - settings and places.
 * Environment RCN_NAME, then NAME in the settings file (/etc/rcn/rcn.conf or
 * $RCN_CONF; KEY=value lines, '#' comments, quotes as systemd's
 * EnvironmentFile has them; keys with or without RCN_), then the default.
 * Flags are the program's own and come before.
 * Returned strings live as long as the program.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

/* name without RCN_: "STATE_DIR"; def may be NULL. */
const char *conf_get(const char *name, const char *def);
/* A number in [min, max]; EX_CONFIG "bad-setting" otherwise. */
int conf_u64(const char *name, uint64_t def, uint64_t min, uint64_t max,
    uint64_t *, struct err *);
/* EX_CONFIG "bad-settings-file" if the file cannot be read or parsed. */
int conf_check(struct err *);
const char *conf_path(void); /* the settings file, there or not */

/*
 * RCN_STATE_DIR, else /var/lib/rcn for root, else $XDG_STATE_HOME/rcn, else
 * ~/.local/state/rcn.  RCN_RUN_DIR, else /run/rcn for root, else
 * $XDG_RUNTIME_DIR/rcn, else the state folder's "run".
 */
const char *conf_state_dir(void);
const char *conf_run_dir(void);
/* RCN_SHARE_DIR, else share/ beside the program's folder (a build tree or a
 * prefix: ../share, ../share/rcn), so templates and schemas are found. */
const char *conf_share_dir(void);

/* path becomes FOLDER/sub (mode 0700, made); sub may be "". */
int conf_state_path(struct buf *path, const char *sub, struct err *);
int conf_run_path(struct buf *path, const char *sub, struct err *);

/*
 * The installation's id (16 hex digits), made at first use in the state
 * folder; labels of containers carry it.  Owned by conf.
 */
const char *conf_installation(struct err *);

#endif
