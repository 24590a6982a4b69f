"""Whether anything was written, asked for a few microseconds each time."""

import sqlite3
from contextlib import suppress
from pathlib import Path


class Changes:
    """Looks for what other connections have committed since it looked last; for one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version = 0

    def any(self) -> bool:
        """Whether anything was committed since the last time; at first, yes."""
        if self._connection is None:
            self._connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        self._version, before = version, self._version
        return bool(version != before)

    def close(self) -> None:
        """Close the connection."""
        with suppress(sqlite3.Error):
            if self._connection:
                self._connection.close()
        self._connection = None
