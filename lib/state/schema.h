/*
 * schema - the tables, as a list of migrations: number n brings a database
 * of version n to n + 1 (PRAGMA user_version).  Append only.
 */
#ifndef STATE_SCHEMA_H
#define STATE_SCHEMA_H

extern const char *const *const schema_migrations[]; /* scripts, NULL last */
extern const int schema_version; /* how many there are */

#endif
