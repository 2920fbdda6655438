#!/usr/bin/python3
"""schema - check JSON documents against a JSON Schema, Draft 2020-12.

usage: schema.py SCHEMA [FILE]       one document, or one a line; from stdin
       schema.py --serve SOCKET      POST /path/of/the/schema on a unix socket

The validator is Debian's python3-jsonschema, which shares no code with what
it checks.  Prints each fault as PATH: MESSAGE and exits with 1 (422 when
served); 64 without arguments, 65 for what is not JSON (400).  Serving saves
the 0.2 s that the interpreter takes to start.
"""
import json
import os
import socketserver
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler

import jsonschema

known = {}


def validator(path):
    """The schema's validator, made again when the file has changed."""
    stamp = os.stat(path).st_mtime_ns
    if path not in known or known[path][0] != stamp:
        with open(path, encoding="utf-8") as f:
            schema = json.load(f)
        jsonschema.Draft202012Validator.check_schema(schema)
        known[path] = stamp, jsonschema.Draft202012Validator(
            schema,
            format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    return known[path][1]


def documents(text):
    """Whatever number of JSON values, white space between."""
    decoder, at, text = json.JSONDecoder(), 0, text.strip()
    while at < len(text):
        doc, at = decoder.raw_decode(text, at)
        yield doc
        while at < len(text) and text[at].isspace():
            at += 1


def faults(path, text):
    count = 0
    for doc in documents(text):
        count += 1
        for e in validator(path).iter_errors(doc):
            where = "/".join(str(p) for p in e.absolute_path) or "."
            yield f"{where}: {e.message}"
    if count == 0:
        yield ".: no document"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            lines = list(faults(urllib.parse.unquote(self.path),
                                text.decode("utf-8")))
            status = 422 if lines else 200
        except (ValueError, OSError, jsonschema.SchemaError) as e:
            lines, status = [str(e)], 400
        body = "".join(s + "\n" for s in lines).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def address_string(self):
        return "local"


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def main(args):
    if len(args) == 2 and args[0] == "--serve":
        Server(args[1], Handler).serve_forever()
    if len(args) not in (1, 2):
        sys.exit(64)
    try:
        if len(args) == 2:
            with open(args[1], encoding="utf-8") as f:
                text = f.read()
        else:
            text = sys.stdin.read()
        lines = list(faults(args[0], text))
    except (ValueError, OSError, jsonschema.SchemaError) as e:
        print(e)
        sys.exit(65)
    for line in lines:
        print(line)
    sys.exit(1 if lines else 0)


main(sys.argv[1:])
