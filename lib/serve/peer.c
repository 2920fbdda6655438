#include "serve/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "serve/message.h"

void
peer_name(int fd, char out[PEER_TEXT])
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = { 0 };
	socklen_t n = sizeof(a);

	(void)snprintf(out, PEER_TEXT, "unix");
	if (getpeername(fd, &a.any, &n) < 0)
		return;
	if (a.any.sa_family == AF_INET)
		inet_ntop(AF_INET, &a.in.sin_addr, out, PEER_TEXT);
	else if (a.any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a.in6.sin6_addr, out, PEER_TEXT);
}

void
peer_answer(int fd, int status, const char *code, const char *why)
{
	char body[256], text[640];
	int n = snprintf(body, sizeof(body),
	    "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n", code, why);

	n = snprintf(text, sizeof(text),
	    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %d\r\nConnection: close\r\n%s\r\n%s",
	    status, status_text(status), n,
	    status == 503 || status == 429 ? "Retry-After: 5\r\n" : "", body);
	(void)!send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}
