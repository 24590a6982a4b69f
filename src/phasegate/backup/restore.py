"""A record put back from its backup: checked before it takes its place, and proved once it is there."""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phasegate.app.config import read_config
from phasegate.backup.archive import FORMAT, MANIFEST, PACK, describe, git
from phasegate.core import Held, InvalidInput, SystemClock
from phasegate.core.files import open_owned, owner_folder, sync_file, sync_folder
from phasegate.ledger import SYSTEM_KEY, Claim, GateStatus, Ledger, PrivateKey, PublicKey, unlock_key
from phasegate.store import NEWEST, Store, locate
from phasegate.workflow.engine.lease import read_leases
from phasegate.workspace import Workspace
from phasegate.workspace.record import alone

# What is not the record, and stays as it is where it is there.
_KEPT = ("index", "installed", "runs", "keys", "worker.log", "tools.log")


async def restore(folder: Path, file: Path, keys: Path, *, replace: bool) -> list[Claim]:
    """Put a record back.

    Args:
        folder: The repository, or a folder in it.
        file: The backup.
        keys: Where managers' keys lie on this machine; those that are missing are put there.
        replace: Whether to put a record that is there aside.

    Returns:
        What was proved of the record in its place.

    Raises:
        InvalidInput: The file is no backup or does not hold, or there is a record; nothing was changed.
        Held: A worker is at the record that is there.
    """
    workspace = Workspace.open(folder)
    with alone(workspace):
        await _refuse_present(locate(workspace.state), replace=replace)
        part = workspace.state.with_name(f"{workspace.state.name}.restoring")
        # Left by a restore that was killed.
        shutil.rmtree(part, ignore_errors=True)
        owner_folder(part)
        about = unpack(file, part)
        git(workspace.folder, "index-pack", "--stdin", "--fix-thin", given=(part / PACK).read_bytes())
        # Proved beside the record and not in its place: a backup that does not hold must not cost the record that is
        # there.
        wrong = [claim for claim in await prove(part, about, workspace) if not claim.holds]
        if wrong:
            shutil.rmtree(part, ignore_errors=True)
            raise InvalidInput(
                f"the backup '{file}' does not hold: {wrong[0].text}: {wrong[0].detail}", fix="take another"
            )
        _put_keys(part / "keys", keys)
        for name in (PACK, MANIFEST):
            (part / name).unlink()
        _swap(workspace.state, part)
        for name, commit in about["refs"].items():
            workspace.restore_ref(name, commit)
        workspace.link_state()
        return await prove(workspace.state, about, workspace)


async def forget_runs(folder: Path) -> list[Path]:
    """Begin an empty record in place of a lost one.

    Returns:
        Where what was left of it lies now.

    Raises:
        InvalidInput: There is a record.
    """
    workspace = Workspace.open(folder)
    store = locate(workspace.state)
    with alone(workspace):
        if store.is_database():
            raise InvalidInput(f"'{store.name}' is there, so nothing is lost", fix="see its runs: 'phasegate status'")
        left = store.put_aside()
        await (await store.open()).close()
    return left


def unpack(file: Path, into: Path) -> dict[str, Any]:
    """Unpack a backup, none of whose entries gets out of the folder.

    Returns:
        What it says that it holds.

    Raises:
        InvalidInput: It is no backup, or a file in it is not as it was written.
    """
    try:
        with tarfile.open(file, "r:gz") as archive:
            archive.extractall(into, filter="data")
        about = json.loads((into / MANIFEST).read_text(encoding="utf-8"))
        files, schema = dict(about["files"]), str(about["schema"])
        known = about["format"] == FORMAT
    except (OSError, tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"'{file}' is no backup that can be read: {error}", fix="take another") from error
    if not known or schema > NEWEST:
        raise InvalidInput(f"the backup '{file}' is of a newer Phasegate", fix="update Phasegate")
    for name, digest in files.items():
        if not (into / name).is_file() or hashlib.sha256((into / name).read_bytes()).hexdigest() != digest:
            raise InvalidInput(f"the backup '{file}' does not hold: '{name}' was changed", fix="take another")
    for path in into.rglob("*"):
        # The modes in an archive are whatever its writer chose. Others may install from the index, and read nothing
        # else.
        path.chmod(0o700 if path.is_dir() else 0o644 if path.is_relative_to(into / "index") else 0o600)
    return dict(about)


async def prove(state: Path, about: Mapping[str, Any], workspace: Workspace) -> list[Claim]:
    """Return the claims about the record in a folder, each checked again."""
    store = locate(state)
    fault = store.fault()
    sound = Claim(text="the database is sound", holds=not fault, detail=fault or "ok")
    if not sound.holds:
        return [sound]
    system = unlock_key(state / SYSTEM_KEY, None)
    opened = await store.open()
    try:
        now, wanted = await opened.read(describe), about["rows"]
        there = now["rows"]
        lost = [f"{name}: {there.get(name, 0)} of {rows}" for name, rows in wanted.items() if there.get(name, 0) < rows]
        total = sum(wanted.values())
        counts = Claim(text="every row is there", holds=not lost, detail=", ".join(lost) or f"{total} rows")
        ledger = Ledger(opened, SystemClock(), system)
        chains = await _chains(ledger, about["heads"], now["heads"])
        if not chains.holds:  # nothing of such a record is read any further
            return [sound, counts, chains]
        return [sound, counts, chains, await _signed(ledger, system, workspace), await _commits(ledger, workspace)]
    finally:
        await opened.close()


async def _chains(ledger: Ledger, heads: Mapping[str, str], now: Mapping[str, str]) -> Claim:
    broken = [run.id for run in await ledger.runs() if await ledger.broken(run.id)]
    cut = [run for run, head in heads.items() if now.get(run) != head]
    text = "the events of each run are whole, in order and signed, to the last one"
    return Claim(text=text, holds=not (broken or cut), detail=", ".join([*broken, *cut]) or f"{len(heads)} runs")


async def _signed(ledger: Ledger, system: PrivateKey, workspace: Workspace) -> Claim:
    people = read_config(workspace.folder).people().values()
    known: dict[str, PublicKey] = {
        key.key_id: key for key in (system.public, *(person.public_key for person in people))
    }
    decisions = [decision for run in await ledger.runs() for decision in await ledger.decisions(run.id)]
    checked = [decision for decision in decisions if decision.key_id in known]
    wrong = [str(d.statement.gate) for d in checked if not d.envelope.holds(known[d.key_id])]
    others = len(decisions) - len(checked)
    more = f", {others} by keys that are not listed here any more" if others else ""
    text = "every decision carries its signature"
    return Claim(text=text, holds=not wrong, detail=", ".join(wrong) or f"{len(checked)} decisions{more}")


async def _commits(ledger: Ledger, workspace: Workspace) -> Claim:
    gates = await ledger.gates(status=GateStatus.open)
    gone = [str(gate.key) for gate in gates if workspace.tree_of(gate.commit) != gate.tree]
    text = "every commit that an open gate shows is in Git"
    return Claim(text=text, holds=not gone, detail=", ".join(gone) or f"{len(gates)} gates")


async def _refuse_present(store: Store, *, replace: bool) -> None:
    if not store.is_database():
        return
    if not replace:
        fix = "--replace puts it aside, and the backup in its place"
        raise InvalidInput(f"there is a record already: '{store.name}'", fix=fix)
    opened = await store.open()
    try:
        living = [lease for lease in await opened.read(read_leases) if lease.live]
    finally:
        await opened.close()
    if living:
        raise Held(f"worker {living[0].pid} is at the record '{store.name}'", fix=f"stop it: kill {living[0].pid}")


def _put_keys(given: Path, keys: Path) -> None:
    """Put managers' keys where they are missing, and leave those that are there."""
    for key in given.iterdir() if given.is_dir() else ():
        if not (keys / key.name).exists():
            owner_folder(keys, parents=True)
            with open_owned(keys / key.name, "wb") as file:
                file.write(key.read_bytes())
            sync_file(keys / key.name)
    shutil.rmtree(given, ignore_errors=True)


def _swap(state: Path, part: Path) -> None:
    """Swap the folder with the one in its place, so that a kill between leaves both folders and no record."""
    aside = next(_free(state)) if state.exists() else None
    if aside:
        for name in _KEPT:
            if (state / name).exists():
                _lay_over(state / name, part / name)
    for path in part.rglob("*"):
        if path.is_symlink():
            continue
        (sync_folder if path.is_dir() else sync_file)(path)
    if aside:
        os.rename(state, aside)
    os.rename(part, state)
    sync_folder(state.parent)


def _lay_over(old: Path, new: Path) -> None:
    """Keep packages that were published since the backup."""
    if old.is_dir():
        shutil.copytree(old, new, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(old, new)


def _free(state: Path) -> Iterator[Path]:
    number = 1
    while True:
        place = state.with_name(f"{state.name}.aside-{number}")
        if not place.exists():
            yield place
        number += 1
