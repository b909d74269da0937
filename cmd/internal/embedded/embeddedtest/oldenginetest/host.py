"""Runs the ClickHouse of the Python package chdb: host.py PACKAGES FOLDER.

It reads statements from standard input and writes their results in ClickHouse's Native format,
each with its length before it; a result also has a byte that is 1 for an error's text.
"""

import os
import struct
import sys
from unittest import mock

sys.path.insert(0, sys.argv[1])
for unneeded in ("pyarrow", "pandas"):  # chdb imports them for methods that we do not call
    sys.modules[unneeded] = mock.MagicMock()
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # chdb also prints
from chdb import _chdb  # noqa: E402

connection = _chdb.connect(sys.argv[2])
while head := sys.stdin.buffer.read(4):
    statement = sys.stdin.buffer.read(struct.unpack("<I", head)[0]).decode("utf-8", "surrogateescape")
    try:
        failed, result = 0, bytes(connection.query(statement, "Native").bytes())
    except Exception as error:
        failed, result = 1, str(error).encode()
    answers.write(struct.pack("<BI", failed, len(result)) + result)
    answers.flush()
os._exit(0)
