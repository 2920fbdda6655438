/*
 * curl - what the files of this folder share of libcurl.
 */
#ifndef HTTP_CURL_H
#define HTTP_CURL_H

#include <curl/curl.h>
#include "http/http.h"

/* Where to: url, unix_socket, TLS, connect_ms.  The strings must live on. */
void http_aim(CURL *, const struct http_request *);
/* What libcurl's code means, as http.h says; text is its error buffer. */
int http_explain(CURL *, const struct http_request *, CURLcode,
    const char *text, struct err *);

#endif
