"""A backup of a record: one archive that is consistent while a worker works, and that says what it must hold."""

import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from phasegate.app.app import App
from phasegate.core import Exhausted, PhasegateError
from phasegate.core.files import OWNER_FILE, UNFINISHED, sync_file, sync_folder
from phasegate.ledger import SYSTEM_KEY
from phasegate.store.schema import events, gates, metadata, runs, workers
from phasegate.trust import ROOTS

FORMAT = 1
DATABASE, MANIFEST, PACK = "phasegate.db", "manifest.json", "repository.pack"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A written backup: its path, and the counts that it holds."""

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
    described = app.database.store.back_up(folder / DATABASE, describe)
    refs = app.workspace.refs()  # after the copy: what it names was in Git before
    commits = sorted({*described["commits"], *refs.values()})
    # Git's own packer: it takes along whatever the commits need, and nothing of the user's other branches.
    (folder / PACK).write_bytes(packed(app.folder.path, commits))
    index = app.folder.index
    members = {
        DATABASE: folder / DATABASE,
        PACK: folder / PACK,
        SYSTEM_KEY: app.state / SYSTEM_KEY,
        **({ROOTS: app.state / ROOTS} if (app.state / ROOTS).is_file() else {}),
        **{f"keys/{key.name}": key for key in keys if key.is_file()},
        **{f"index/{path.relative_to(index).as_posix()}": path for path in sorted(index.rglob("*")) if path.is_file()},
    }
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in members.items()}
    about = {"format": FORMAT, "made_at": app.clock.now().isoformat(), "refs": refs, "files": digests, **described}
    (folder / MANIFEST).write_text(json.dumps(about, indent=1), encoding="utf-8")
    _archive(file, {MANIFEST: folder / MANIFEST, **members})
    return Backup(file=file, size=file.stat().st_size, runs=len(described["heads"]), commits=len(commits))


def _archive(file: Path, members: Mapping[str, Path]) -> None:
    # A backup that is half written must not pass for the one that it was to replace.
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


def describe(connection: sa.Connection) -> dict[str, Any]:
    """Return a database's schema, rows of each table, the last event of each run, and the commits it names."""
    there = set(sa.inspect(connection).get_table_names()) - {workers.name}  # of leases, which come and go
    tables = [table for name, table in sorted(metadata.tables.items()) if name in there]
    last = sa.select(events.c.run, sa.func.max(events.c.seq).label("seq")).group_by(events.c.run).subquery()
    heads = sa.select(events.c.run, events.c.seq, events.c.signature).join(
        last, sa.and_(events.c.run == last.c.run, events.c.seq == last.c.seq)
    )
    commits = sa.union(*(sa.select(column) for column in (runs.c.base, gates.c.commit, gates.c.since)))
    return {
        "schema": connection.execute(sa.text("select version_num from alembic_version")).scalar_one(),
        "rows": {table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables},
        "heads": {row.run: f"{row.seq}:{row.signature.hex().upper()}" for row in connection.execute(heads)},
        "commits": sorted(connection.execute(commits).scalars()),
    }


def packed(folder: Path, commits: Sequence[str]) -> bytes:
    """The commits with all that they need, as Git packs them."""
    return git(folder, "pack-objects", "--revs", "--stdout", "-q", given="\n".join(commits).encode())


def git(folder: Path, *words: str, given: bytes) -> bytes:
    """Return what Git prints for a command.

    Raises:
        PhasegateError: It fails.
    """
    done = subprocess.run(["git", *words], cwd=folder, input=given, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise PhasegateError(f"'git {words[0]}' failed: {said}", fix="see what 'git fsck' says of the repository")
    return done.stdout
