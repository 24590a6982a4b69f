"""The action log: a line of JSON before each action and one after it."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class ActionLog:
    """Appends to a file; a line is on the disk before the action that it announces begins."""

    def __init__(self, path: Path, clock: Callable[[], datetime] | None = None) -> None:
        self.path = path
        self._clock = clock or (lambda: datetime.now(UTC))
        self._lock = threading.Lock()

    def write(self, entry: Mapping[str, Any]) -> None:
        """Adds a line, with the time.

        Raises:
            OSError: it cannot be written; then nothing must be changed.
        """
        line = json.dumps({"time": self._clock().isoformat(), **entry}, default=str, sort_keys=True)
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())

    @contextmanager
    def around(self, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Logs `begun`, then `done` with what the block adds, or `failed` with the error, which goes on."""
        self.write({**entry, "state": "begun"})
        outcome: dict[str, Any] = {}
        try:
            yield outcome
        except Exception as error:
            self.write({**entry, "state": "failed", "error": str(error)})
            raise
        self.write({**entry, "state": "done", **outcome})
