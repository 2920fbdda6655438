"""rss - the most anonymous memory that each rcn-* program has held, and git.

usage: rss.py COMMAND [ARGUMENT ...]

Runs the command and samples RssAnon of its descendants from
/proc/PID/status; prints `PROGRAM KIB` a line; exits with its status.
Each process counts alone: "git" is the largest of the processes of git's own
that ran, and in no program's number.
"""

import os
import subprocess
import sys
import time

most = {}


def look():
    """One sample of every program that belongs to the command's session."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                fields = dict(
                    line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line
                )
            name = fields["Name"]
            if name.startswith("git"):
                name = "git"
            if name.startswith(("rcn-", "git")) and os.getsid(int(pid)) == child.pid:
                kib = int(fields.get("RssAnon", "0").split()[0])
                most[name] = max(most.get(name, 0), kib)
        except (OSError, ValueError):
            pass


with subprocess.Popen(
    sys.argv[1:], stdout=subprocess.DEVNULL, start_new_session=True
) as child:
    while child.poll() is None:
        look()
        time.sleep(0.003)
for program, kib in sorted(most.items()):
    print(program, kib)
sys.exit(child.returncode)
