"""The action log: a line of JSON before each action and one after it."""

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_NEWLINE = "\n"
_NAMES = ("approval", "runbook", "account", "region", "id", "step", "call")
_ENDS = ("done", "failed", "reported")


class ActionLog:
    """Append-only log whose line is on the disk before the action that it announces begins."""

    def __init__(self, path: Path, clock: Callable[[], datetime] | None = None) -> None:
        self.path = path
        self._clock = clock or (lambda: datetime.now(UTC))
        self._lock = threading.Lock()

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append a line, with the time.

        Raises:
            OSError: it cannot be written; then nothing must be changed.
        """
        line = json.dumps({"time": self._clock().isoformat(), **entry}, default=str, sort_keys=True)
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{'' if self._ends_whole() else _NEWLINE}{line}\n")
                file.flush()
                os.fsync(file.fileno())

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the lines without an end in the log: the process was killed, or the machine stopped."""
        open_: dict[tuple[str, ...], dict[str, Any]] = {}
        for line in self._lines():
            key = tuple(str(line.get(name)) for name in _NAMES)
            if line.get("state") == "begun":
                open_[key] = line
            elif line.get("state") in _ENDS:
                open_.pop(key, None)
        return list(open_.values())

    def report(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Record that the unfinished lines were shown, so that they are shown once."""
        for line in lines:
            self.write({**{name: line[name] for name in _NAMES if name in line}, "state": "reported"})

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for text in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:  # the line that was being written when the machine stopped
                continue
            if isinstance(line, dict):
                yield line

    def _ends_whole(self) -> bool:
        """Return whether the next line begins on a line of its own."""
        try:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) == b"\n"
        except OSError:  # there is no file yet, or nothing in it
            return True

    @contextmanager
    def around(self, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Log `begun`, then `done` with what the block adds, or `failed` with the error, which is raised on."""
        self.write({**entry, "state": "begun"})
        outcome: dict[str, Any] = {}
        try:
            yield outcome
        except Exception as error:
            self.write({**entry, "state": "failed", "error": str(error)})
            raise
        self.write({**entry, "state": "done", **outcome})
