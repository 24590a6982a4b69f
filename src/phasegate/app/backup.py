"""A backup of a record: one archive that is consistent while a worker works, and that says what it must hold."""

import hashlib
import json
import os
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phasegate.app.app import App
from phasegate.app.opening import DATABASE, SYSTEM_KEY
from phasegate.core import Exhausted, PhasegateError
from phasegate.core.files import OWNER_FILE, UNFINISHED, sync_file, sync_folder
from phasegate.store.copies import copy
from phasegate.store.schema import metadata, workers

FORMAT = 1
MANIFEST, PACK = "manifest.json", "repository.pack"
_COMMITS = "select base from runs union select `commit` from gates union select since from gates"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What was written."""

    file: Path
    size: int
    runs: int
    commits: int


def back_up(app: App, file: Path, keys: Sequence[Path]) -> Backup:
    """Write the record into one file, which is there once it is whole and on disk.

    Args:
        app: The repository.
        file: Where to.
        keys: The files of managers' keys, which are encrypted.

    Raises:
        Exhausted: The file cannot be written.
        PhasegateError: Git cannot pack the commits that the record names.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=app.state) as folder:
            return _written(app, file, keys, Path(folder))
    except OSError as error:
        raise Exhausted(f"the backup '{file}' cannot be written: {error.strerror}", fix="name another file") from error


def _written(app: App, file: Path, keys: Sequence[Path], folder: Path) -> Backup:
    copy(app.database.path, folder / DATABASE)
    described = describe(folder / DATABASE)
    refs = app.workspace.refs()  # after the copy: what it names was in Git before
    commits = sorted({*described["commits"], *refs.values()})
    (folder / PACK).write_bytes(packed(app.folder.path, commits))
    index = app.folder.index
    members = {
        DATABASE: folder / DATABASE,
        PACK: folder / PACK,
        SYSTEM_KEY: app.state / SYSTEM_KEY,
        **{f"keys/{key.name}": key for key in keys if key.is_file()},
        **{f"index/{path.relative_to(index).as_posix()}": path for path in sorted(index.rglob("*")) if path.is_file()},
    }
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in members.items()}
    about = {"format": FORMAT, "made_at": app.clock.now().isoformat(), "refs": refs, "files": digests, **described}
    (folder / MANIFEST).write_text(json.dumps(about, indent=1), encoding="utf-8")
    _archive(file, {MANIFEST: folder / MANIFEST, **members})
    return Backup(file=file, size=file.stat().st_size, runs=len(described["heads"]), commits=len(commits))


def _archive(file: Path, members: Mapping[str, Path]) -> None:
    unfinished = file.with_name(f"{UNFINISHED}{file.name}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_FILE)
    try:
        with open(handle, "wb") as stream, tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as archive:
            for name, path in members.items():
                archive.add(path, name, recursive=False)
        sync_file(unfinished)
        os.rename(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(file.parent)


def describe(database: Path) -> dict[str, Any]:
    """What a database holds: its schema, rows of each table, the last event of each run, and the commits it names."""
    with closing(sqlite3.connect(database)) as connection:
        there = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
        tables = sorted(there & set(metadata.tables) - {workers.name})  # of leases, which come and go
        last = "select run, max(seq), hex(signature) from events group by run"
        return {
            "schema": connection.execute("select version_num from alembic_version").fetchone()[0],
            "rows": {name: connection.execute(f"select count(*) from {name}").fetchone()[0] for name in tables},  # noqa: S608
            "heads": {run: f"{seq}:{signature}" for run, seq, signature in connection.execute(last)},
            "commits": sorted(commit for (commit,) in connection.execute(_COMMITS)),
        }


def packed(folder: Path, commits: Sequence[str]) -> bytes:
    """The commits with all that they need, as Git packs them."""
    return git(folder, "pack-objects", "--revs", "--stdout", "-q", given="\n".join(commits).encode())


def git(folder: Path, *words: str, given: bytes) -> bytes:
    """What Git prints for a command.

    Raises:
        PhasegateError: It fails.
    """
    done = subprocess.run(["git", *words], cwd=folder, input=given, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise PhasegateError(f"'git {words[0]}' failed: {said}", fix="see what 'git fsck' says of the repository")
    return done.stdout
