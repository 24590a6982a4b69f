"""Copies of a database, consistent while others write."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from phasegate.core.files import UNFINISHED, open_owned, sync_file, sync_folder

KEPT = 3
"""Copies that are kept beside a database; the oldest go."""


def keep_copy(path: Path, why: str) -> Path:
    """Keep a copy beside the database, under a name that says why."""
    kept = path.with_name(f"{path.name}.before-{why}")
    copy(path, kept)
    for old in sorted(path.parent.glob("*.before-*"), key=lambda file: file.stat().st_mtime_ns)[:-KEPT]:
        old.unlink()
    return kept


def copy(source: Path, target: Path) -> None:
    """Copy a database to a file, which is there once it is whole and on disk."""
    unfinished = target.with_name(f"{UNFINISHED}{target.name}")
    open_owned(unfinished, "wb").close()
    with closing(sqlite3.connect(source)) as whole, closing(sqlite3.connect(unfinished)) as part:
        whole.backup(part)
        part.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    sync_file(unfinished)
    os.rename(unfinished, target)
    sync_folder(target.parent)
