#!/usr/bin/python3
"""github - the part of GitHub's REST API that rcn-notify calls.

usage: github.py PORT FOLDER

Requests of another form than GitHub documents are answered 400.  The token is
FOLDER/token; each request is a line of FOLDER/requests: {method, path, body}.
FOLDER/answer, if it is there, is {status, headers, body}, the answer to all.
Comments are kept in memory; FOLDER/comments.json holds those of the start.
"""
import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = sys.argv[2]
comments = []


def path_of(name):
    return os.path.join(folder, name)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, doc, headers=None):
        body = json.dumps(doc).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def wrong(self, body):
        if not self.headers.get("User-Agent"):
            return "no User-Agent"
        if self.headers.get("Accept") != "application/vnd.github+json":
            return "Accept"
        if self.headers.get("X-GitHub-Api-Version") != "2022-11-28":
            return "version"
        if body is not None and not isinstance(body, dict):
            return "body"
        return None

    def status(self, sha, body):
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", sha):
            return self.answer(422, {"message": "No commit found"})
        if body.get("state") not in ("error", "failure", "pending", "success"):
            return self.answer(422, {"message": "state"})
        if len(body.get("description", "")) > 140:
            return self.answer(422, {"message": "description is too long"})
        return self.answer(201, dict(body, id=1))

    def handle_call(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length).decode()
        body = json.loads(text) if text else None
        with open(path_of("requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps({"method": self.command, "path": self.path,
                                "body": body}) + "\n")
        if os.path.exists(path_of("answer")):
            with open(path_of("answer"), encoding="utf-8") as f:
                a = json.load(f)
            return self.answer(a["status"], a.get("body", {}), a.get("headers"))
        with open(path_of("token"), encoding="utf-8") as f:
            if self.headers.get("Authorization") != "Bearer " + f.read().strip():
                return self.answer(401, {"message": "Bad credentials"})
        why = self.wrong(body)
        if why:
            return self.answer(400, {"message": why})
        m = re.fullmatch(r"/repos/octo/hello/(.*)", self.path)
        if not m:
            return self.answer(404, {"message": "Not Found"})
        return self.route(m.group(1), body)

    def route(self, rest, body):
        m = re.fullmatch(r"statuses/(\w+)", rest)
        if m and self.command == "POST":
            return self.status(m.group(1), body)
        m = re.fullmatch(r"issues/7/comments\?per_page=(\d+)&page=(\d+)", rest)
        if m and self.command == "GET":
            size, page = int(m.group(1)), int(m.group(2))
            return self.answer(200, comments[(page - 1) * size:page * size])
        if rest == "issues/7/comments" and self.command == "POST":
            comments.append({"id": 1000 + len(comments), "body": body["body"]})
            return self.answer(201, comments[-1])
        m = re.fullmatch(r"issues/comments/(\d+)", rest)
        if m and self.command == "PATCH":
            for c in comments:
                if c["id"] == int(m.group(1)):
                    c["body"] = body["body"]
                    return self.answer(200, c)
        return self.answer(404, {"message": "Not Found"})

    do_GET = do_POST = do_PATCH = handle_call

    def log_message(self, *args):
        pass


if os.path.exists(path_of("comments.json")):
    with open(path_of("comments.json"), encoding="utf-8") as f:
        comments = json.load(f)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
