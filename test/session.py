#!/usr/bin/python3
"""session.py - trees that change at random, and tars of them compared.

session.py change DIR SEED STEP [folder]
    Changes DIR a little; equal words, equal changes.  `folder`: also what no
    commit tells, times set back and hard links.
session.py same A.tar B.tar PREFIX
    Is what A has below PREFIX all that B has?  Names, modes, links, contents.
"""
import hashlib
import os
import random
import shutil
import sys
import tarfile

NAMES = ["foo", "foo.c", "foo-bar", "Foo", "a b", "ümlaut", "[id].js", "x" * 90,
         "lib", "lib.c", "-n", "z~", "bin", "app.py", "0"]


def entries(top):
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            yield os.path.join(folder, name)


class Tree:
    def __init__(self, top, r):
        self.top, self.r = top, r
        self.all = sorted(entries(top))

    def files(self):
        return [p for p in self.all
                if os.path.isfile(p) and not os.path.islink(p)]

    def folders(self):
        return [self.top] + [p for p in self.all
                             if os.path.isdir(p) and not os.path.islink(p)]

    def free(self):
        """A path that nothing is at."""
        for _ in range(100):
            path = os.path.join(self.r.choice(self.folders()),
                                self.r.choice(NAMES))
            if not os.path.lexists(path) and path.count("/") < 40:
                return path
        return None

    def some(self):
        files = self.files()
        return self.r.choice(files) if files else None

    def write(self, path, size):
        with open(path, "wb") as f:
            f.write(self.r.randbytes(size))

    def add(self):
        path = self.free()
        if path:
            self.write(path, self.r.choice([0, 1, 40, 5000]))

    def delete(self):
        if len(self.all) > 12:
            path = self.r.choice(self.all)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)

    def rename(self):
        path, to = self.some(), self.free()
        if path and to:
            os.rename(path, to)

    def mode(self):
        path = self.some()
        if path:
            os.chmod(path, os.stat(path).st_mode ^ 0o111)

    def link(self):
        path = self.free()
        if path:
            os.symlink(self.r.choice(NAMES + ["/etc", "..", "nowhere"]), path)

    def retarget(self):
        links = [p for p in self.all if os.path.islink(p)]
        if links:
            path = self.r.choice(links)
            os.unlink(path)
            os.symlink(self.r.choice(NAMES), path)

    def to_folder(self):
        path = self.some()
        if path:
            os.unlink(path)
            os.mkdir(path)
            self.write(os.path.join(path, "in"), 5)

    def to_file(self):
        folders = self.folders()[1:]
        if folders:
            path = self.r.choice(folders)
            shutil.rmtree(path)
            self.write(path, 5)

    def same_size(self, keep=False):
        path = self.some()
        if path:
            st = os.stat(path)
            self.write(path, st.st_size)
            if keep:
                os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def same_time(self):
        self.same_size(keep=True)

    def replaced(self):
        """By a hard link to a file of its size and time."""
        path, to = self.some(), self.free()
        if path and to:
            st = os.stat(path)
            self.write(to, st.st_size)
            os.chmod(to, st.st_mode)
            os.utime(to, ns=(st.st_atime_ns, st.st_mtime_ns))
            os.unlink(path)
            os.link(to, path)


def change(top, seed, step, *rest):
    r = random.Random(f"{seed}/{step}")
    ways = ["add", "add", "delete", "rename", "mode", "link", "retarget",
            "to_folder", "to_file", "same_size", "same_size"]
    if rest:
        ways += ["same_time", "same_time", "same_time", "replaced"]
    for _ in range(30 if step == "0" else r.randint(1, 5)):
        tree = Tree(top, r)
        getattr(tree, "add" if step == "0" else r.choice(ways))()
    if step == "0":
        tree.write(os.path.join(top, "big"), 1 << 20)


def listing(path, prefix):
    out = {}
    with tarfile.open(path) as tar:
        for m in tar:
            name = m.name.strip("/")
            if name == "." or not (name + "/").startswith(prefix) or name + "/" == prefix:
                continue
            data = tar.extractfile(m).read() if m.isreg() or m.islnk() else b""
            out[name[len(prefix):]] = (
                "f" if m.isreg() or m.islnk() else m.type,
                0 if m.issym() else m.mode & 0o7777,
                m.linkname if m.issym() else "",
                hashlib.sha256(data).hexdigest())
    return out


def same(a, b, prefix):
    a, b = listing(a, prefix), listing(b, "")
    if len(b) < 5:
        sys.exit("too little to compare")
    for name in sorted(set(a) | set(b)):
        if a.get(name) != b.get(name):
            print(f"{name}: {a.get(name)} is not {b.get(name)}")
    sys.exit(a != b)


if __name__ == "__main__":
    {"change": change, "same": same}[sys.argv[1]](*sys.argv[2:])
