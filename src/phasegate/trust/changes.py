"""The working files beside the root: what is proposed in them, and how it differs from what was signed."""

import difflib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from phasegate.core import canonical
from phasegate.ledger.signing.keys import PublicKey
from phasegate.ledger.signing.roots import MANAGERS, THRESHOLD, Root
from phasegate.team import Surface, load_team
from phasegate.trust.trust import Trust

KEYS = ("managers", "groups", "demo", "index.path", "aws.endpoint_url", "work.flow", THRESHOLD)
"""Keys of `phasegate.toml` that count as the root has them. A policy asks for three of them: where packages are
published to, which AWS is used, and whether this is a demonstration."""
FLOW = "work.flow"
SYSTEM = "keys of the system"
"""Name of a change of the keys that may sign events."""

Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Content of the next version of the root, as the working files have it."""

    settings: Mapping[str, Any]
    files: Mapping[str, str]
    phases: tuple[str, ...]
    rules: Mapping[str, Mapping[str, Any]]
    system: PublicKey


@dataclass(frozen=True, kw_only=True)
class Change:
    """A part of the root that differs from its working file, and has no effect until it is signed."""

    name: str
    """A key of `phasegate.toml`, the path of a file, or the system's keys."""
    lines: tuple[str, ...]
    """The difference, a line each, with `+` before what is proposed and `-` before what counts."""


def proposed(folder: Path, config: BaseModel, system: PublicKey) -> Proposal:
    """Return what the working files propose.

    Args:
        folder: the top of the work tree.
        config: its `phasegate.toml`, as it lies there.
        system: the key that this copy of the repository signs events with.

    Raises:
        InvalidInput: the workflow in use does not hold.
    """
    settings = proposed_settings(config)
    team = load_team(folder, flow=settings[FLOW], parse_prompts=False)
    flow = team.flow(settings[FLOW])
    return Proposal(
        settings=settings,
        files=texts(team.surface, flow.name),
        phases=tuple(flow.phase_ids),
        rules={phase.id: phase.gate.model_dump(mode="json") for phase in flow.phases},
        system=system,
    )


def texts(surface: Surface, flow: str) -> dict[str, str]:
    """Return the texts of the workflow in use, and of a repository's own workflows and policies, by path.

    Those that this installation ships count as it ships them. The workflow in use is among these texts all the same,
    so that an update of Phasegate changes no gate of a repository unseen.
    """
    names = [f"{flow}.yaml"] if surface.find("graphs", f"{flow}.yaml") else []
    names += [name for name in surface.own("graphs", ".yaml") if name not in names]
    return {source.path: source.text for source in (surface.read("graphs", name) for name in sorted(names))}


def next_root(trust: Trust, wanted: Proposal, now: datetime) -> Root:
    """Return the version that follows the root that counts, or the first one."""
    before, newest = trust.root, trust.chain.newest
    known = before.system if before else ()
    key = str(wanted.system)
    return Root(
        version=before.version + 1 if before else 1,
        repository=before.repository if before else secrets.token_hex(16),
        before=newest.digest if before and newest else "",
        at=int(now.timestamp()),
        settings=wanted.settings,
        files=wanted.files,
        phases=wanted.phases,
        rules=wanted.rules,
        system=known if key in known else (*known, key),
    )


def changes(
    root: Root, settings: Mapping[str, Any], files: Mapping[str, str], system: PublicKey | None
) -> list[Change]:
    """Return each part that is proposed otherwise than it was signed."""
    found = [
        *(_changed(key, _written(root.settings.get(key)), _written(settings[key])) for key in KEYS),
        *(_changed(path, root.files.get(path, ""), files.get(path, "")) for path in sorted({*root.files, *files})),
    ]
    if system and str(system) not in root.system:
        found.append(Change(name=SYSTEM, lines=(f"+{system}",)))
    return [change for change in found if change]


def proposed_settings(config: BaseModel) -> dict[str, Any]:
    """Return the keys of `phasegate.toml` that a root has, as the file has them."""
    body = config.model_dump(mode="json")
    return {key: _value(body, key) for key in KEYS}


def effective(config: Settings, root: Root | None) -> Settings:
    """Return the configuration with the root's word for what only a manager may change.

    Without a root nobody is a manager, whoever is listed in the file.
    """
    body = config.model_dump()
    told = dict(root.settings) if root else {MANAGERS: [], "groups": {}, "demo": False}
    for key, value in told.items():
        _set(body, key, value)
    return type(config).model_validate(body)


def _changed(name: str, was: str, now: str) -> Change | None:
    if was == now:
        return None
    lines = difflib.unified_diff(was.splitlines(), now.splitlines(), lineterm="", n=1)
    return Change(name=name, lines=tuple(_shown(lines)))


def _shown(lines: Iterator[str]) -> Iterator[str]:
    yield from (line for line in lines if not line.startswith(("---", "+++", "@@")))


def _written(value: Any) -> str:
    """Return a value with a line for each item of a list or table, so that a difference shows the item."""
    if isinstance(value, list):
        return "\n".join(canonical(item).decode() for item in value)
    if isinstance(value, Mapping):
        return "\n".join(f"{name} = {canonical(item).decode()}" for name, item in sorted(value.items()))
    return json.dumps(value)


def _value(body: Mapping[str, Any], key: str) -> Any:
    value: Any = body
    for part in key.split("."):
        value = value[part]
    return value


def _set(body: dict[str, Any], key: str, value: Any) -> None:
    *above, last = key.split(".")
    for part in above:
        body = body[part]
    body[last] = value
