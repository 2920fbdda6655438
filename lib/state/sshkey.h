/*
 * sshkey - an ed25519 key pair in the form that ssh(1) reads and writes
 * (OpenSSH's PROTOCOL.key), without a passphrase.
 */
#ifndef STATE_SSHKEY_H
#define STATE_SSHKEY_H

#include "base/buf.h"
#include "base/err.h"

/* Appends both halves: the private file's text (wipe it), and one line,
 * "ssh-ed25519 AAAA... comment", without its end. */
void sshkey_make(const char *comment, struct buf *private, struct buf *public);

/*
 * The public half of any kind of key, as far as its private file tells:
 * appends "TYPE AAAA...", or nothing for the older PEM forms.  EX_DATAERR
 * "bad-credential": no private key, or one with a passphrase.
 */
int sshkey_public(const char *private, size_t, struct buf *public,
    struct err *);

#endif
