"""hook - what rcn-hookd is tested with.

usage: hook.py keys DIR KEY=SECRET ...
       hook.py raw ADDRESS [SECONDS] <REQUEST
       hook.py attack ADDRESS PID SECRET [NAME ...]
       hook.py flood ADDRESS SECRET COUNT CLIENTS

keys writes DIR/key-test and DIR/repositories.json; the KEY "*" is the
default's; a KEY twice has two secrets.  raw sends the bytes of standard input
and prints what comes back until the end.  attack runs one attack after the
other (all, or those named) and meanwhile sends a real delivery ten times a
second; it prints one JSON object a line:
    {"attack", "sent", "recorded", "worst_ms", "rss_kb", "seen"}
seen counts what the attackers were told.  flood sends COUNT signed deliveries
over CLIENTS connections at a time; {"seconds", "per_second", "answers"}.
ADDRESS is HOST:PORT or unix:PATH.
"""

import asyncio
import base64
import collections
import hashlib
import hmac
import json
import multiprocessing
import os
import resource
import socket
import sys
import time
import uuid

PATH = "/api/webhooks/github"
REPO = "attack/app"


def keys(folder, *pairs):
    """A key pair, and what rcn-state would write for its holder."""
    from nacl.public import PrivateKey, SealedBox

    path = os.path.join(folder, "key-test")
    if not os.path.exists(path):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
            f.write(bytes(PrivateKey.generate()))
    with open(path, "rb") as f:
        box = SealedBox(PrivateKey(f.read()).public_key)
    sealed = collections.defaultdict(list)
    for pair in pairs:
        key, secret = pair.split("=", 1)
        # KEY@IDENTITY: sealed for another row than the one it stands in.
        key, _, identity = key.partition("@")
        text = json.dumps({"repository": identity or key, "secret": secret})
        sealed[key].append(base64.b64encode(box.encrypt(text.encode())).decode())
    doc = {
        "version": 1,
        "repositories": [
            {"key": k, "key_id": "test", "sealed": v}
            for k, v in sorted(sealed.items())
            if k != "*"
        ],
        "default": sealed.get("*", []),
    }
    name = os.path.join(folder, "repositories.json")
    with open(name + ".tmp", "w", encoding="utf-8") as f:
        json.dump(doc, f)
    os.rename(name + ".tmp", name)


def connect(address, limit=20):
    """A socket to HOST:PORT or unix:PATH."""
    if address.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(limit)
        s.connect(address[5:])
        return s
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=limit)


def raw(address, limit=20):
    """One connection, bytes as they are."""
    s = connect(address, float(limit))
    s.sendall(sys.stdin.buffer.read())
    try:
        while part := s.recv(65536):
            sys.stdout.buffer.write(part)
    except ConnectionResetError:
        sys.stdout.write("RESET")


def push_body(repo=REPO, branch="main", padding=6000):
    """A push like GitHub's, never twice the same."""
    return json.dumps(
        {
            "ref": f"refs/heads/{branch}",
            "before": "a" * 40,
            "after": uuid.uuid4().hex + "01234567",
            "forced": False,
            "repository": {
                "full_name": repo,
                "clone_url": f"https://github.com/{repo}.git",
                "fork": False,
            },
            "head_commit": {"message": "m", "author": {"name": "A"}},
            "padding": "x" * padding,
            "sender": {"login": "a"},
        }
    ).encode()


def head(length, sign, event="push", more=""):
    """The head of a delivery."""
    signature = f"X-Hub-Signature-256: sha256={sign}\r\n" if sign else ""
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-GitHub-Event: {event}\r\nX-GitHub-Delivery: {uuid.uuid4()}\r\n"
        f"{signature}Content-Length: {length}\r\n{more}\r\n"
    ).encode()


def sign(secret, body):
    """As GitHub does."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def send(address, data):
    """The status of the answer, 0 for none."""
    with connect(address) as s:
        s.sendall(data)
        answer = b""
        while part := s.recv(65536):
            answer += part
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def real(address, secret, stop, result):
    """Real deliveries, ten a second, until told to stop."""
    sent = recorded = 0
    worst = 0.0
    while not stop.is_set():
        # Most are small; some do not fit into a socket's first window.
        body = push_body(padding=150000 if sent % 4 == 3 else 6000)
        began = time.monotonic()
        sent += 1
        try:
            recorded += send(address, head(len(body), sign(secret, body)) + body) == 202
        except OSError as e:
            print("real delivery:", e, file=sys.stderr)
        worst = max(worst, time.monotonic() - began)
        stop.wait(0.1)
    result.put((sent, recorded, int(worst * 1000)))


def watch(pid, stop, result):
    """The most anonymous memory of the daemon; 0 when it has died."""
    most = 0
    while not stop.is_set():
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                for line in f:
                    if line.startswith("RssAnon:"):
                        most = max(most, int(line.split()[1]))
        except FileNotFoundError:
            most = 0
            break
        stop.wait(0.01)
    result.put(most)


class Attack:
    """One attacker: many connections of asyncio."""

    def __init__(self, address, secret):
        self.address = address
        self.secret = secret
        self.seen = collections.Counter()
        self.end = 0.0

    async def open(self):
        """A connection, or None when the machine has no more."""
        try:
            if self.address.startswith("unix:"):
                return await asyncio.open_unix_connection(self.address[5:])
            host, port = self.address.rsplit(":", 1)
            return await asyncio.open_connection(host, int(port))
        except OSError:
            self.seen["refused"] += 1
            await asyncio.sleep(0.05)
            return None

    async def told(self, r, limit=3):
        """Counts the answer's status."""
        try:
            line = await asyncio.wait_for(r.read(12), limit)
            self.seen[line[9:12].decode() or "closed"] += 1
        except asyncio.TimeoutError:
            self.seen["silence"] += 1
        except OSError:
            self.seen["reset"] += 1

    async def one(self, pieces, pause=0.0):
        """Sends pieces of one request, as long as anybody listens."""
        c = await self.open()
        if c is None:
            return
        r, w = c
        try:
            for piece in pieces:
                w.write(piece)
                await w.drain()
                if pause:
                    await asyncio.sleep(pause)
                if time.monotonic() > self.end or r.at_eof() or r._buffer:
                    break
        except OSError:
            pass
        await self.told(r, 0.5 if pause else 5)
        w.close()

    async def crowd(self, n, pieces, pause=0.0):
        """n at a time, again and again."""

        async def again():
            while time.monotonic() < self.end:
                await self.one(pieces(), pause)

        await asyncio.gather(*(again() for _ in range(n)))

    def big(self, total, signature, block=bytes(65536)):
        """A head and a body of so many bytes."""
        yield head(total, signature)
        for _ in range(total // len(block)):
            yield block

    async def unsigned(self):
        await self.crowd(8, lambda: self.big(64 << 20, None))

    async def wrong(self):
        await self.crowd(8, lambda: self.big(64 << 20, "0" * 64))

    async def wrong_within(self):
        named = b'"full_name":"' + REPO.encode() + b'",' * 20
        block = (named + bytes(65536))[:65536]
        await self.crowd(8, lambda: self.big(24 << 20, "0" * 64, block))

    async def drip_head(self):
        data = head(10, "0" * 64)
        await self.crowd(1500, lambda: (data[i : i + 1] for i in range(200)), 0.2)

    def dripped(self, length):
        """A whole head, then a byte at a time."""
        yield head(length, "0" * 64)
        while True:
            yield b"x"

    async def drip_body(self):
        await asyncio.gather(
            self.crowd(700, lambda: self.dripped(20000), 0.2),
            self.crowd(700, lambda: self.dripped(500000), 0.2),
            self.crowd(100, lambda: self.dripped(20 << 20), 0.2),
        )

    async def idle(self):
        held = []
        while len(held) < 10000 and time.monotonic() < self.end + 20:
            some = await asyncio.gather(*(self.open() for _ in range(200)))
            held += [c for c in some if c]
        self.seen["idle"] = len(held)
        await asyncio.sleep(max(3, self.end - time.monotonic()))
        for _, w in held:
            w.close()

    async def churn(self):
        """More connections than the table has rows."""

        async def again():
            while time.monotonic() < self.end:
                c = await self.open()
                if c:
                    c[1].write(b"POST /")
                    held.append(c)

        held = collections.deque(maxlen=14000)
        await asyncio.gather(*(again() for _ in range(50)))
        self.seen["opened"] = len(held)
        for _, w in held:
            w.close()

    async def smuggle(self):
        first = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n"
        hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        forms = [
            first + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            first + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
            first + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            first + "Transfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n",
            first + "Content-Length: +0\r\n\r\n",
            first + "X: y\n\r\n",
            "GET / HTTP/1.1\nHost: x\n\n",
            "\r\n\r\n",
        ]
        await self.crowd(
            40, lambda: [(forms[time.time_ns() % len(forms)] + hidden).encode()]
        )

    def signed(self, body):
        """A body that the secret has signed, whatever it is."""
        return [head(len(body), sign(self.secret, body)) + body]

    async def malformed(self):
        name = '{"repository":{"full_name":"%s"},"x":' % REPO
        bodies = [
            name.encode() + b"[" * 200000,
            name.encode() + b"nul}",
            name.encode() + b'"\xff"}',
            name.encode() + b"1}",
            b'"full_name":"' + REPO.encode() + b'"',
        ]
        await self.crowd(
            20, lambda: self.signed(bodies[time.time_ns() % len(bodies)])
        )

    async def brackets(self):
        """Signed right, of a size that would be a gigabyte as a tree."""
        body = (
            b'{"repository":{"full_name":"%s"},"x":[' % REPO.encode()
            + b"[]," * (8 << 20)
            + b"[]]}"
        )
        await self.crowd(2, lambda pieces=self.signed(body): pieces)

    async def replay(self):
        body = push_body()
        data = head(len(body), sign(self.secret, body)) + body
        await self.crowd(20, lambda: [data])


ATTACKS = (
    "unsigned wrong wrong_within drip_head drip_body idle churn smuggle"
    " malformed brackets replay"
).split()


def attack(address, pid, secret, *names):
    """All attacks, with real deliveries meanwhile."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    seconds = float(os.environ.get("ATTACK_SECONDS", "5"))
    for name in names or ATTACKS:
        stop, out, rss = (
            multiprocessing.Event(),
            multiprocessing.Queue(),
            multiprocessing.Queue(),
        )
        side = [
            multiprocessing.Process(target=real, args=(address, secret, stop, out)),
            multiprocessing.Process(target=watch, args=(pid, stop, rss)),
        ]
        for p in side:
            p.start()
        a = Attack(address, secret)
        a.end = time.monotonic() + seconds
        asyncio.run(getattr(a, name)())
        stop.set()
        sent, recorded, worst = out.get()
        row = {
            "attack": name,
            "sent": sent,
            "recorded": recorded,
            "worst_ms": worst,
            "rss_kb": rss.get(),
            "seen": a.seen,
        }
        print(json.dumps(row), flush=True)
        for p in side:
            p.join()


def flood(address, secret, count, clients):
    """As many deliveries as it takes, and how fast."""
    count, clients = int(count), int(clients)

    def work(n, out):
        seen = collections.Counter()
        for _ in range(n):
            body = push_body()
            seen[send(address, head(len(body), sign(secret, body)) + body)] += 1
        out.put(seen)

    out = multiprocessing.Queue()
    all_ = [
        multiprocessing.Process(target=work, args=(count // clients, out))
        for _ in range(clients)
    ]
    began = time.monotonic()
    for p in all_:
        p.start()
    seen = sum((out.get() for _ in all_), collections.Counter())
    took = time.monotonic() - began
    row = {
        "seconds": round(took, 3),
        "per_second": round(seen.total() / took),
        "answers": seen,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    {"keys": keys, "raw": raw, "attack": attack, "flood": flood}[sys.argv[1]](
        *sys.argv[2:]
    )
