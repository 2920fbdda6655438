"""deliveries - signed pushes for wrk(1), never two alike.

usage: deliveries.py SECRET COUNT >deliveries

Writes COUNT requests, whole, each after a line with its length.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../test/load"))
import hook  # pylint: disable=wrong-import-position

for _ in range(int(sys.argv[2])):
    body = hook.push_body()
    head = hook.head(
        len(body), hook.sign(sys.argv[1], body), more="Connection: close\r\n"
    )
    sys.stdout.buffer.write(b"%d\n" % (len(head) + len(body)) + head + body)
