"""cpu - processor time of a command, in milliseconds, N times.

usage: cpu.py N COMMAND [ARGUMENT ...]
"""

import os
import subprocess
import sys

for _ in range(int(sys.argv[1])):
    with subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL) as p:
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        sys.exit(f"cpu.py: {sys.argv[2:]}: status {p.returncode}")
    print(round((used.ru_utime + used.ru_stime) * 1000, 3))
