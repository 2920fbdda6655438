#!/usr/bin/python3
"""buildkit.py SOCKET FAULT - an engine that builds on a session, and fails.

It asks for a Dockerfile, credentials, a secret and the context as BuildKit
does, and answers with an image.  FAULT is HOW@STEP, or "none"; the steps are
    upgrade preface health dockerfile credentials secret stats data fin build
and HOW is what happens there:
    close    the session's connection ends; the build's stays
    drop     the build's connection ends; the session's stays
    both     both end
    hang     nothing more comes on either
    garbage  bytes that are no HTTP/2 come on the session
    wrong    what is no answer: a status, a frame, a request that makes no sense
    reset    the stream is reset, and the build's own step fails
    slow     a byte at a time, 5 ms apart, from here on
ASK, a list, says for which files of the context it asks; else for all.
SOCKET.log has a line for each request and for each step that was reached.
"""
import json
import os
import socket
import struct
import sys
import threading
import time

SOCKET, FAULT = sys.argv[1:3]
HOW, _, WHERE = FAULT.partition("@")
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
sessions = {}
there = threading.Condition()
built = threading.Event()
lock = threading.Lock()


class End(Exception):
    """The session is over."""


def note(text):
    with lock, open(SOCKET + ".log", "a") as log:
        log.write(text + "\n")


def varint(n):
    out = b""
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def packet(kind, number=0):
    return field(1, kind) + field(3, number)


class Session:
    """The engine's side of HTTP/2 on a connection: one call at a time."""

    def __init__(self, sock):
        self.sock, self.stream, self.buf, self.slow = sock, -1, b"", False
        self.over = threading.Event()

    def send(self, data):
        if not self.slow:
            return self.sock.sendall(data)
        for c in data:
            self.sock.sendall(bytes([c]))
            time.sleep(0.005)

    def frame(self, kind, flags, stream, data):
        self.send(struct.pack(">I", len(data))[1:] + bytes([kind, flags])
                  + struct.pack(">I", stream) + data)

    def take(self):
        """The next frame: kind, flags, stream, data."""
        while True:
            if len(self.buf) >= 9:
                n = int.from_bytes(self.buf[:3], "big") + 9
                if len(self.buf) >= n:
                    f, self.buf = self.buf[:n], self.buf[n:]
                    return f[3], f[4], int.from_bytes(f[5:9], "big"), f[9:]
            piece = self.sock.recv(65536)
            if not piece:
                raise End
            self.buf += piece

    def call(self, path, headers=(), messages=()):
        """A call; yields its messages, until its trailers."""
        self.stream += 2
        stream, block, got = self.stream, b"", b""
        for name, value in [(":method", "POST"), (":scheme", "http"),
                            (":path", path), (":authority", "localhost"),
                            ("content-type", "application/grpc"),
                            ("te", "trailers"), *headers]:
            block += b"\0"
            for s in (name, value):
                block += bytes([len(s)]) + s.encode()
        self.frame(HEADERS, 4, stream, block)
        for m in messages:
            self.message(m)
        while True:
            kind, flags, where, data = self.take()
            if kind == SETTINGS and not flags & 1:
                self.frame(SETTINGS, 1, 0, b"")
            elif kind == GOAWAY:
                raise End
            elif kind == RST and where == stream:
                return
            elif kind == DATA and where == stream:
                self.frame(WINDOW, 0, 0, struct.pack(">I", len(data) or 1))
                self.frame(WINDOW, 0, stream, struct.pack(">I",
                                                          len(data) or 1))
                got += data
                at = 0
                while len(got) - at >= 5:
                    n = int.from_bytes(got[at + 1:at + 5], "big") + 5
                    if len(got) - at < n:
                        break
                    yield got[at + 5:at + n]
                    at += n
                got = got[at:]
            if where == stream and kind in (DATA, HEADERS) and flags & 1:
                return

    def message(self, data):
        self.frame(DATA, 0, self.stream,
                   b"\0" + struct.pack(">I", len(data)) + data)

    # ---- the steps

    def step(self, name):
        note("step " + name)
        if name != WHERE or HOW == "none":
            return
        if HOW in ("close", "both"):
            self.sock.shutdown(socket.SHUT_RDWR)
            raise End
        if HOW == "drop":
            note("dropped")
            self.over.set()
            time.sleep(60)
        if HOW == "hang":
            time.sleep(60)
        if HOW == "garbage":
            self.sock.sendall(bytes(range(256)) * 40)
            time.sleep(60)
        if HOW == "reset":
            self.frame(RST, 0, max(self.stream, 1), struct.pack(">I", 8))
            raise End
        if HOW == "slow":
            self.slow = True
        if HOW == "wrong":
            self.wrong(name)

    def wrong(self, name):
        if name == "health":
            self.frame(DATA, 0, 77, b"no such stream")
        elif name in ("credentials", "secret"):
            self.frame(HEADERS, 4, self.stream + 2, b"\0\1x\1y")
        elif name == "dockerfile":
            self.message(packet(1, 7))
        elif name == "stats":
            self.message(packet(1, 0xffffffff))
        elif name == "data":
            self.frame(DATA, 0, self.stream, b"\0\xff\xff\xff\xff")
        elif name == "fin":
            self.frame(DATA, 0, self.stream, b"\1\0\0\0\1x")
        time.sleep(60)

    def folder(self, name, ask, step):
        headers = [("dir-name", name)]
        wanted = count = told = 0
        for m in self.call("/moby.filesync.v1.FileSync/DiffCopy", headers):
            kind = m[1] if m[:1] == b"\x08" else 0
            if kind == 3 and b"\x22" not in m:
                note(f"end of {name}: {count} entries")
                break
            if kind == 4:
                note("sender's error")
                raise End
            if kind == 0 and len(m) == 0:
                told = True
                if step == "stats":
                    self.step("stats")
                for i in range(count) if ask is None else ask:
                    wanted += 1
                    self.message(packet(1, i))
                if step == "stats":
                    self.step("data")
            elif kind == 0:
                count += 1
            elif kind == 2 and b"\x22" not in m:
                wanted -= 1
            if told and wanted == 0:
                if step == "stats":
                    self.step("fin")
                self.message(packet(3))

    def run(self, files):
        if HOW == "garbage" and WHERE == "preface":
            self.step("preface")
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.frame(SETTINGS, 0, 0, b"")
        self.step("preface")
        list(self.call("/grpc.health.v1.Health/Check", (), [b""]))
        self.step("health")
        self.folder("dockerfile", [0], "dockerfile")
        self.step("dockerfile")
        list(self.call("/moby.filesync.v1.Auth/Credentials", (),
                       [field(1, b"registry.test")]))
        self.step("credentials")
        list(self.call("/moby.buildkit.secrets.v1.Secrets/GetSecret", (),
                       [field(1, b"TOKEN")]))
        self.step("secret")
        self.folder("context", files, "stats")


class Engine:
    def __init__(self, sock):
        self.sock, self.buf = sock, b""

    def head(self):
        while b"\r\n\r\n" not in self.buf:
            piece = self.sock.recv(65536)
            if not piece:
                return None
            self.buf += piece
        head, _, self.buf = self.buf.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        return lines[0].rsplit(" ", 1)[0], fields

    def answer(self, status, body, headers=""):
        body = json.dumps(body).encode()
        self.sock.sendall(f"HTTP/1.1 {status} x\r\nApi-Version: 1.41\r\n"
                          f"Content-Length: {len(body)}\r\n{headers}\r\n"
                          .encode() + body)

    def serve(self):
        while True:
            got = self.head()
            if got is None:
                return
            line, fields = got
            note(line)
            path = line.split(" ")[1]
            if path.endswith("/session"):
                return self.session(fields)
            if "/build?" in path:
                if not self.build(path):
                    return
            elif "/info" in path:
                self.answer(200, {"DriverStatus": []})
            elif "/history" in path:
                self.answer(200, [])
            elif "/images/" in path and not built.is_set():
                self.answer(404, {"message": "No such image"})
            else:
                self.answer(200, {"Id": "sha256:1", "Config": {}})

    def session(self, fields):
        if WHERE == "upgrade":
            note("step upgrade")
            if HOW in ("close", "both"):
                return None
            if HOW == "hang":
                self.sock.sendall(b"HTTP/1.1 101 Switch")
                time.sleep(60)
            if HOW == "garbage":
                self.sock.sendall(bytes(range(128, 256)) * 600)
            if HOW == "wrong":
                self.sock.sendall(b"HTTP/1.1 101 x\r\n\r\nHTTP/2 no more")
                time.sleep(60)
        self.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\n"
                          b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        with there:
            sessions[fields["x-docker-expose-session-uuid"]] = Session(
                self.sock)
            there.notify_all()
        time.sleep(120)
        return None

    def chunk(self, o):
        text = json.dumps(o).encode() + b"\r\n"
        self.sock.sendall(f"{len(text):x}\r\n".encode() + text + b"\r\n")

    def build(self, path):
        name = path.split("session=")[1].split("&")[0]
        self.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                          b"\r\n")
        with there:
            there.wait_for(lambda: name in sessions, 5)
            session = sessions[name]
        files = json.loads(os.environ.get("ASK", "null"))
        worker = threading.Thread(target=self.work, args=(session, files),
                                  daemon=True)
        worker.start()
        while not session.over.wait(0.02):
            if session.over.is_set():
                break
        if HOW in ("both", "drop") and not built.is_set():
            self.sock.shutdown(socket.SHUT_RDWR)
            return False
        if HOW == "close" and not built.is_set():
            time.sleep(60)
        if HOW == "reset" and not built.is_set():
            self.chunk({"error": "a step of its own", "errorDetail": {
                "message": "a step of its own"}})
        elif not built.is_set():
            self.chunk({"error": "error from sender: context canceled"})
        else:
            if WHERE == "build" and HOW == "garbage":
                self.sock.sendall(b"5\r\n}{}{]\r\n")
            if WHERE == "build" and HOW == "wrong":
                self.sock.sendall(b"-7\r\nno chunk\r\n")
            if WHERE == "build" and HOW in ("hang", "both", "drop", "close"):
                note("step build")
                if HOW == "hang":
                    time.sleep(60)
                self.sock.shutdown(socket.SHUT_RDWR)
                return False
            self.chunk({"id": "moby.image.id", "aux": {"ID": "sha256:1"}})
        self.sock.sendall(b"0\r\n\r\n")
        return True

    def work(self, session, files):
        try:
            session.run(files)
            built.set()
        except (End, OSError):
            note("session over")
        session.over.set()


def serve(sock):
    try:
        Engine(sock).serve()
    except OSError:
        pass
    finally:
        sock.close()


with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(SOCKET)
    listener.listen(50)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],),
                         daemon=True).start()
