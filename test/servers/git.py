#!/usr/bin/python3
"""git - bare repositories over smart HTTP, open or for a token.

usage: git.py PORT FOLDER [CERTIFICATE KEY]

/NAME.git            open to all, as FOLDER/NAME.git, to fetch and to push
/private/NAME.git    the same repository, for the token in GIT_SERVER_TOKEN,
                     given as the password of Basic with any user name, or as
                     Bearer; 401 without, 403 for a wrong one
/slow/NAME.git       the same, answered after 30 seconds
/broken/NAME.git     answered with half of a response
With a certificate it speaks TLS.
"""
import base64
import os
import ssl
import subprocess
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = os.path.abspath(sys.argv[2])
token = os.environ.get("GIT_SERVER_TOKEN", "")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def refuse(self, status, **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def allowed(self):
        auth = self.headers.get("Authorization", "")
        if auth.startswith("Basic "):
            auth = base64.b64decode(auth[6:]).decode().partition(":")[2]
        elif auth.startswith("Bearer "):
            auth = auth[7:]
        if auth == token and token:
            return True
        if auth:
            self.refuse(403)
        else:
            self.refuse(401, WWW_Authenticate='Basic realm="git"')
        return False

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            parts.append(self.rfile.read(size))
            self.rfile.readline()
            if size == 0:
                return b"".join(parts)

    def serve(self):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        body = self.body() if self.command == "POST" else b""
        if path.startswith("/private/"):
            if not self.allowed():
                return
            path = path[len("/private"):]
        elif path.startswith("/slow/"):
            time.sleep(30)
            path = path[len("/slow"):]
        elif path.startswith("/broken/"):
            self.send_response(200)
            self.send_header("Content-Length", "4096")
            self.end_headers()
            self.wfile.write(b"001e# service=git-upl")
            self.close_connection = True
            return
        env = dict(os.environ)
        env.pop("GIT_SERVER_TOKEN", None)
        env.update({
            "GIT_PROJECT_ROOT": folder, "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*", "GIT_CONFIG_KEY_1": "http.receivepack",
            "GIT_CONFIG_VALUE_1": "true", "PATH_INFO": path,
            "REQUEST_METHOD": self.command, "QUERY_STRING": url.query,
            "REMOTE_ADDR": "127.0.0.1", "REMOTE_USER": "test",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")})
        run = subprocess.run(["git", "http-backend"], input=body, env=env,
                             stdout=subprocess.PIPE, check=False)
        head, _, data = run.stdout.partition(b"\r\n\r\n")
        status, headers = 200 if run.returncode == 0 else 500, []
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(": ")
            if name == "Status":
                status = int(value.split()[0])
            elif name:
                headers.append((name, value))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = serve
    do_POST = serve


class Server(ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
