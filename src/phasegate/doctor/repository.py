"""Checks of the repository: its configuration, database, managers, worker and package index."""

import asyncio
import os
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from phasegate.app.app import App
from phasegate.app.config import NAME
from phasegate.core import Exhausted, InvalidInput, Parked
from phasegate.doctor.check import Check, Skipped
from phasegate.hosting.systemd import unit_path, unit_state, unit_text
from phasegate.ledger import RunStatus
from phasegate.reports.warnings import broken_records, living, not_committed
from phasegate.store.schema import backlog

_ROW = "(doctor)"


def of_repository(app: App, keys: Path) -> list[Check]:
    """All of them.

    Args:
        app: the repository.
        keys: where managers' keys lie on this machine.
    """
    return [
        Check(name="repository", ask=partial(_configuration, app)),
        Check(name="git identity", ask=partial(_identity, app)),
        Check(name="database", ask=partial(_database, app)),
        Check(name="records", ask=partial(_records, app)),
        Check(name="managers", ask=partial(_managers, app, keys)),
        Check(name="worker", ask=partial(_worker, app)),
        Check(name="worker's unit", ask=partial(_unit, app)),
        Check(name="package index", ask=partial(_index, app)),
    ]


async def _configuration(app: App) -> str:
    cards, servers = len(app.team.cards), len(app.team.servers)
    return f"{app.config.project.name}, workflow {app.flow.name}, {cards} roles, {servers} servers of tools"


async def _identity(app: App) -> str:
    if not app.workspace.knows_user:
        raise Skipped(
            "Git does not know whom to commit as",
            fix="git config --global user.name NAME && git config --global user.email ADDRESS",
        )
    user = app.workspace.user
    return f"commits are made as {user.name} <{user.email}>"


async def _database(app: App) -> str:
    await app.database.write(_written)
    return f"{app.folder.name(Path(app.database.store.name))} is written and read"


def _written(connection: sa.Connection) -> None:
    """Adds a row and takes it away again, in one transaction: nobody else ever sees it."""
    connection.execute(backlog.insert(), {"spec": _ROW, "rank": -1})
    connection.execute(backlog.delete().where(backlog.c.spec == _ROW))


async def _records(app: App) -> str:
    broken = await broken_records(app)
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        fix = "put a copy of the database back, or start the spec again"
        raise InvalidInput(f"{broken[0]}{more}", fix=fix)
    return "what runs have on record is signed and whole"


async def _managers(app: App, keys: Path) -> str:
    names = list(app.config.people())
    if not names:
        raise Skipped("nobody may decide yet", fix="make your key: phasegate manager init")
    waiting = not_committed(app.workspace, app.config)
    if waiting:
        fix = f"git add {' '.join(waiting)} && git commit -m 'Managers'"
        raise InvalidInput(f"not committed: {', '.join(waiting)}; a release lists whom its commit lists", fix=fix)
    here = [name for name in names if (keys / f"{name}.key").is_file()]
    return f"{', '.join(names)}; keys on this machine: {', '.join(here) or 'none of theirs'}"


async def _worker(app: App) -> str:
    found = await living(app)
    if found:
        return "; ".join(f"process {each.pid} lives, its lease renewed {max(each.age, 0):.0f} s ago" for each in found)
    fix = "phasegate worker, phasegate serve, or phasegate run --detach"
    standing = [run.id for run in await app.ledger.runs() if run.status is RunStatus.working]
    if standing:
        raise Parked(f"none lives, and run '{standing[0]}' waits for one", fix=fix)
    raise Skipped("none lives, and no run waits for one", fix=fix)


async def _unit(app: App) -> str:
    path = unit_path(app.folder.path, os.environ)
    if not path.exists():
        raise Skipped("none is installed", fix="phasegate worker --install")
    if path.read_text(encoding="utf-8") != unit_text(app.folder.path, app.config.project.name):
        raise InvalidInput(f"'{path}' is of another place or version", fix="phasegate worker --install")
    enabled, active = await asyncio.to_thread(unit_state, path.name)
    if not enabled:
        raise Skipped(f"{path.name} is installed; systemd does not answer", fix=f"systemctl --user status {path.name}")
    if (enabled, active) != ("enabled", "active"):
        fix = f"systemctl --user enable --now {path.name}; why it failed: journalctl --user -u {path.name}"
        raise Parked(f"{path.name} is {enabled} and {active or 'unknown'}", fix=fix)
    return f"{path.name} is enabled and active"


async def _index(app: App) -> str:
    folder = app.folder.index
    # The first release makes the folder, which takes the right to write in the nearest one that is there.
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        fix = f"let yourself write there, or set [index] path in {NAME}"
        raise Exhausted(f"'{there}' cannot be written", fix=fix)
    return f"{app.folder.name(folder)}{'' if folder.exists() else ', made at the first release'}"
