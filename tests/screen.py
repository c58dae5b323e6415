"""What a person sees: a program runs on a pseudo-terminal, and its output is drawn as a terminal would draw it.

The few control sequences that rich writes are known (colours, cursor up, erase line, show and hide the cursor); any other
is an error, so that nothing is overlooked.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n])", re.DOTALL)


def on_terminal(arguments: Sequence[str], columns: int) -> tuple[int, str]:
    """Exit code of `python arguments` on a terminal of that width, and all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    hidden = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | {"TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    written = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return process.wait(), written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other end is closed
        return b""


def screen_of(written: str, columns: int) -> list[str]:
    """The rows of the screen, empty ones left out."""
    rows: list[list[str]] = [[]]
    y = x = 0
    for sequence, kind, control, character in (match.groups() for match in _TOKEN.finditer(written)):
        if character:
            y, x = (y + 1, 0) if x == columns else (y, x)
            rows += [[] for _ in range(y + 1 - len(rows))]
            rows[y] += [" "] * (x + 1 - len(rows[y]))
            rows[y][x] = character
            x += 1
        elif control:
            y, x = (y + 1, x) if control == "\n" else (y, 0)
        elif kind == "A":
            y -= int(sequence or 1)
        elif kind == "K":
            assert sequence == "2", f"unknown sequence {sequence}K"
            rows[y:] = [[], *rows[y + 1 :]]
        else:
            assert kind in "mhl", f"unknown sequence {sequence}{kind}"
    return [text for row in rows if (text := "".join(row).rstrip())]
