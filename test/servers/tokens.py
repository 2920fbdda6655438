#!/usr/bin/python3
"""tokens - a token server for registries, in Docker Hub's and Harbor's form.

usage: tokens.py PORT FOLDER

FOLDER holds key.pem and cert.pem (which the registries trust) and users.json:

    {"users": {"alice": "password"}, "projects": ["team"]}

GET /token            Docker Hub: anybody may pull library/* and public/*, a
                      known user may pull and push everything.
GET /service/token    Harbor: a known user may pull and push in a project that
                      exists; in one that does not nobody may do anything, which
                      is no error here: the token grants nothing.
POST to both          OAuth2: grant_type=password in the body instead of Basic.
A wrong password is 401.  Requests are logged on stderr, never the password.
"""
import base64
import json
import os
import subprocess
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = sys.argv[2]
ISSUER = "rcn-test"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims):
    with open(os.path.join(folder, "cert.pem"), encoding="ascii") as f:
        cert = "".join(s for s in f.read().splitlines() if "-----" not in s)
    head = {"typ": "JWT", "alg": "RS256", "x5c": [cert]}
    text = ".".join(b64(json.dumps(x).encode()) for x in (head, claims))
    run = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", os.path.join(folder, "key.pem")],
        input=text.encode(), stdout=subprocess.PIPE, check=True)
    return text + "." + b64(run.stdout)


def granted(harbor, user, projects, name, actions):
    first = name.split("/")[0]
    if harbor:
        ok = user and "/" in name and first in projects
        return actions if ok else []
    if user:
        return actions
    public = first in ("library", "public") and "/" in name
    return [a for a in actions if a == "pull" and public]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, doc, **headers):
        body = json.dumps(doc).encode()
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def login(self, form):
        """The user, None for nobody, False for a wrong password."""
        auth = self.headers.get("Authorization", "")
        if auth.startswith("Basic "):
            name, _, word = base64.b64decode(auth[6:]).decode().partition(":")
        elif form.get("grant_type") == ["password"]:
            name = form.get("username", [""])[0]
            word = form.get("password", [""])[0]
        else:
            return None, None
        with open(os.path.join(folder, "users.json"), encoding="utf-8") as f:
            known = json.load(f)["users"]
        return (name, True) if known.get(name) == word else (name, False)

    def token(self, query):
        path = urllib.parse.urlsplit(self.path).path
        if path not in ("/token", "/service/token"):
            return self.answer(404, {"errors": [{"code": "NOT_FOUND"}]})
        user, ok = self.login(query)
        if ok is False:
            return self.answer(401, {"errors": [{
                "code": "UNAUTHORIZED",
                "message": "incorrect username or password"}]},
                WWW_Authenticate='Basic realm="rcn-test"')
        with open(os.path.join(folder, "users.json"), encoding="utf-8") as f:
            projects = json.load(f)["projects"]
        access = []
        for scope in " ".join(query.get("scope", [])).split():
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            got = granted(path != "/token", user, projects, name,
                          [a for a in actions.split(",") if a])
            if kind == "repository" and got:
                access.append({"type": kind, "name": name, "actions": got})
        now = int(time.time())
        text = sign({
            "iss": ISSUER, "sub": user or "",
            "aud": query.get("service", [""])[0],
            "nbf": now - 10, "iat": now, "exp": now + 300,
            "jti": b64(os.urandom(12)), "access": access})
        return self.answer(200, {
            "token": text, "access_token": text, "expires_in": 300,
            "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))})

    def do_GET(self):
        query = urllib.parse.urlsplit(self.path).query
        self.token(urllib.parse.parse_qs(query))

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        self.token(urllib.parse.parse_qs(self.rfile.read(size).decode()))


class Server(ThreadingHTTPServer):
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
