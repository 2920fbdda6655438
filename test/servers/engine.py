#!/usr/bin/python3
"""engine.py SOCKET SCRIPT - a unix socket that answers as SCRIPT says.

SCRIPT is JSON: a list of answers, tried in order:
    {"call": "POST /v1.44/build",       method and path, a regular expression
     "status": 200, "headers": {...},
     "body": text | object | [objects], what comes back, objects one a line
     "file": PATH,                      or that of a file
     "early": true,                     answered before the body is read
     "hang": true,                      then the connection stays open
     "cut": true,                       then it is closed without an end
     "once": true}                      the next time another one counts
Each request is a line of SOCKET.log; the last body is kept in SOCKET.body.
For what a real engine cannot be made to show, or is another's.
"""
import http.server
import json
import os
import re
import socketserver
import sys
import threading

SOCKET, SCRIPT = sys.argv[1:3]
script = json.load(open(SCRIPT))
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def chunks(self):
        while True:
            n = int(self.rfile.readline().split(b";")[0], 16)
            data = self.rfile.read(n)
            self.rfile.readline()
            if n == 0:
                return
            yield data

    def read_body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(self.chunks())
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def find(self):
        line = f"{self.command} {self.path}"
        with lock:
            with open(SOCKET + ".log", "a") as log:
                log.write(line + "\n")
            for answer in script:
                if re.match(answer["call"], line):
                    if answer.get("once"):
                        script.remove(answer)
                    return answer
        return {"status": 404, "body": {"message": "not in the script"}}

    def text(self, answer):
        if "file" in answer:
            return open(answer["file"], "rb").read()
        body = answer.get("body", "")
        if isinstance(body, list):
            return "".join(json.dumps(o) + "\r\n" for o in body).encode()
        return (body if isinstance(body, str) else json.dumps(body)).encode()

    def answer(self):
        answer = self.find()
        if not answer.get("early"):
            body = self.read_body()
            if body:
                with open(SOCKET + ".body", "wb") as f:
                    f.write(body)
        text = self.text(answer)
        self.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        if answer.get("hang") or answer.get("cut"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if text:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
            if answer.get("hang"):
                self.rfile.read(1)
            self.close_connection = True
            return
        self.send_header("Content-Length", str(len(text)))
        if answer.get("early"):
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_HEAD = do_DELETE = do_PUT = answer


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("local", 0)

    def handle_error(self, request, client_address):
        pass


if os.path.exists(SOCKET):
    os.unlink(SOCKET)
Server(SOCKET, Handler).serve_forever()
