"""The demonstration: a workspace of its own, an account of its own, and what its release found there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phasegate.app.config import NAME, read_config
from phasegate.core import Clock
from phasegate.demo.aws_account import NOW, REGION, expected
from phasegate.ledger import PrivateKey
from phasegate.scaffold import Approver, Aws
from phasegate.scaffold.new_repository import NewRepository, create_repository
from phasegate.scaffold.root import establish_root

NAME_OF_SPEC = "unattached-ebs-volumes"
SPEC = f"001-{NAME_OF_SPEC}"
POLICY = "demo"
PROJECT = "demo-runbooks"
RECORDING = "answers.jsonl"
"""Recording of the roles' answers, shipped here and laid into the workspace."""
SENTENCE = (
    "Find EBS volumes that nothing has been attached to for more than 30 days, and what they cost a month. Leave alone "
    "what is tagged keep, and delete the rest after a snapshot, once I have agreed."
)
"""The wish that a demonstration with recorded answers begins from."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A finding of the demonstration's release."""

    id: str
    name: str
    size: int
    kind: str
    created: str
    monthly: float | None
    """US dollars; None where it is not known."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Findings of the release, beside those that are expected."""

    volumes: tuple[Volume, ...]
    monthly: float
    prices: str
    """Where the prices come from, and of which day."""
    missed: frozenset[str]
    wrong: frozenset[str]

    @property
    def holds(self) -> bool:
        """True if exactly the expected volumes were found."""
        return not (self.missed or self.wrong)


def port_of(folder: Path) -> int:
    """Return the port of the account of a demonstration in this folder, or 0 where there is none.

    Raises:
        InvalidInput: its configuration cannot be read.
    """
    if not (folder / NAME).is_file():
        return 0
    config = read_config(folder)
    return (urlsplit(config.aws.endpoint_url).port or 0) if config.demo else 0


def lay_demo(
    folder: Path, address: str, manager: tuple[str, PrivateKey] | None, clock: Clock, *, scripted: bool = False
) -> Path:
    """Makes the workspace.

    Args:
        folder: where; it must be empty or missing.
        address: of the account.
        manager: name and key of who decides; None leaves it to the policy.
        clock: tells the time of its first commit.
        scripted: whether it begins from a sentence, and every role answers from the recording.

    Returns:
        The spec's folder.
    """
    aws = Aws(endpoint_url=address, region=REGION, as_of=NOW.isoformat().replace("+00:00", "Z"))
    managers = (Approver(name=manager[0], public_key=str(manager[1].public)),) if manager else ()
    plan = NewRepository(project=PROJECT, spec=SPEC, managers=managers, aws=aws, demo=True)
    create_repository(folder, _scripted(plan) if scripted else plan, clock)
    establish_root(folder, manager[1] if manager else None, clock, commit=True)
    return folder / "specs" / SPEC


def _scripted(plan: NewRepository) -> NewRepository:
    # It is not there yet while it is recorded for the first time.
    shipped = files(__package__).joinpath(RECORDING)
    recording = shipped.read_bytes() if shipped.is_file() else b""
    return replace(plan, spec=NAME_OF_SPEC, sentence=SENTENCE, recording=(RECORDING, recording))


def read_result(report: Path, names: Mapping[str, str]) -> Result:
    """Read the report of the smoke run.

    Args:
        report: the file.
        names: volume id to its name in the account.
    """
    document = json.loads(report.read_text(encoding="utf-8"))
    matches = [finding for finding in document["findings"] if finding["verdict"] == "match"]
    found = {names.get(finding["id"], finding["id"]) for finding in matches}
    wanted = expected(REGION)
    return Result(
        volumes=tuple(_volume(finding, names) for finding in matches),
        monthly=float(document["cost_per_month"]),
        prices="; ".join(sorted({f"{f['cost']['source']}" for f in matches if f["cost"] and f["cost"]["source"]})),
        missed=frozenset(wanted - found),
        wrong=frozenset(found - wanted),
    )


def _volume(finding: Mapping[str, Any], names: Mapping[str, str]) -> Volume:
    seen, cost = finding["evidence"], finding["cost"] or {}
    return Volume(
        id=finding["id"],
        name=names.get(finding["id"], ""),
        size=int(seen["Size"]),
        kind=str(seen["VolumeType"]),
        created=str(seen["CreateTime"])[:10],
        monthly=cost.get("monthly"),
    )
