/*
 * tls - certificates in files: those given in RCN_TLS_DIR (NAME.pem: chain
 * and key together), which proxy.h asks for, and one of our own.
 */
#ifndef PROXY_TLS_H
#define PROXY_TLS_H

#include "base/buf.h"
#include "base/err.h"

/* Appends a self-signed certificate and its key, EC P-256, as PEM. */
int tls_own(struct buf *, struct err *);

#endif
