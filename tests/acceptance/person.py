"""A person at a terminal, and the installed command."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("phasegate")
PASSPHRASE = "correct horse battery"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "TERM": "xterm-256color", **more}


def phasegate(folder: Path, *words: str | Path, home: Path, seconds: float = 240) -> Said:
    """Runs the command without a terminal."""
    done = subprocess.run(
        [COMMAND, *map(str, words)],
        cwd=folder,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Said(code=done.returncode, out=done.stdout, err=done.stderr)


@dataclass
class Terminal:
    """A person who waits until something is on the screen, and types."""

    process: "subprocess.Popen[bytes]"
    screen: int
    seen: str = ""
    read: int = field(default=0)

    def waits_for(self, text: str, seconds: float = 120) -> str:
        """What came on the screen up to that text since the last time."""
        end = time.monotonic() + seconds
        while text not in self.seen[self.read :]:
            if time.monotonic() > end or not self._more():
                raise AssertionError(f"{text!r} did not come; on the screen:\n{self.seen[self.read :]}")
        start, self.read = self.read, self.seen.index(text, self.read) + len(text)
        return self.seen[start : self.read]

    def types(self, line: str) -> None:
        os.write(self.screen, f"{line}\n".encode())

    def interrupts(self, seconds: float = 3) -> None:
        """Presses Ctrl-C, and again where nothing came of it: Python misses one that arrives as it begins to read."""
        before = len(self.seen)
        while self.process.poll() is None and len(self.seen) == before:
            self.process.send_signal(signal.SIGINT)
            self._more(seconds)

    def leaves(self, seconds: float = 120) -> int:
        """The exit code, when the command has ended."""
        while self._more():
            pass
        return self.process.wait(seconds)

    def _more(self, seconds: float = 1) -> bool:
        ready, _, _ = select.select([self.screen], [], [], seconds)
        if not ready:
            return self.process.poll() is None
        try:
            data = os.read(self.screen, 65536)
        except OSError:  # the other end was closed
            return False
        self.seen += _ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\r", "")
        return bool(data)


@contextmanager
def terminal(folder: Path, words: Sequence[str], env: Mapping[str, str]) -> Iterator[Terminal]:
    """Runs the command in a terminal of 100 columns."""
    screen, other = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *words],
        cwd=folder,
        env={"COLUMNS": "100", "LINES": "40", "PAGER": "cat", **env},
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)
