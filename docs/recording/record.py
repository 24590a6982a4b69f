"""Records the answers that `phasegate demo --model scripted` replays, into src/phasegate/demo/answers.jsonl.

Run it from the top of the repository: `python docs/recording/record.py`. The answers are written by hand
and lie beside this file. A whole run is played with them, and recorded as `phasegate run --record` does.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from phasegate.app import open_app, read_config
from phasegate.authors.roles import TeamRoles
from phasegate.core import FixedClock
from phasegate.demo.aws_account import account
from phasegate.demo.repository import POLICY, RECORDING, SPEC, lay_demo
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from phasegate.models import Call, FunctionModel, Recording, Reply, Stop, Usage, Use

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "src" / "phasegate" / "demo" / "answers.jsonl"
NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
FOLDER = f"specs/{SPEC}"
CHARACTERS_PER_TOKEN = 4

SPEC_TEXT = (HERE / "spec.md").read_text(encoding="utf-8")
RUNBOOK = (HERE / "runbook.yaml").read_text(encoding="utf-8")
TEXTS = yaml.safe_load((HERE / "answers.yaml").read_text(encoding="utf-8"))


def swapped(text: str, old: str, new: str) -> str:
    """Return the text with one passage in place of another, which has to be there."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def files(spec: str, runbook: str) -> dict[str, Any]:
    """Return the answer that hands a spec in."""
    texts = {f"{FOLDER}/spec.md": spec, f"{FOLDER}/runbook.yaml": runbook}
    return {"files": [{"path": path, "text": text} for path, text in texts.items()]}


def first_tries() -> tuple[str, str]:
    """Return the spec and the runbook with the faults that they begin with."""
    spec, runbook = SPEC_TEXT, RUNBOOK
    for fault in TEXTS["first spec"]:
        spec = swapped(spec, fault["good"], fault["faulty"])
    for fault in TEXTS["first runbook"]:
        runbook = swapped(runbook, fault["good"], fault["faulty"])
    return spec, runbook


FIRST_SPEC, FIRST_RUNBOOK = first_tries()
DETACHED, SNAPSHOT, FLOOR = (TEXTS["findings"][name] for name in ("age-is-not-detachment", "snapshot-cost", "floor"))
ANSWERS: Mapping[str, dict[str, Any]] = {
    "specify/1/1/spec/1": files(FIRST_SPEC, FIRST_RUNBOOK),
    "specify/1/1/spec/2": files(FIRST_SPEC, RUNBOOK),
    "specify/1/1/data-architect/1": {"findings": [DETACHED, SNAPSHOT]},
    "specify/1/1/sre-automation/1": {"findings": [FLOOR]},
    "specify/1/2/spec/1": {**files(SPEC_TEXT, RUNBOOK), "answers": TEXTS["answers"]},
    "specify/1/2/data-architect/1": {"findings": [SNAPSHOT]},
    "specify/1/2/sre-automation/1": {"findings": [FLOOR]},
}
"""Answers by the place of their call; every other one says that what the compiler wrote is right as it stands."""


async def answered(call: Call) -> Reply:
    """Answer a call by its place, with usage by the number of characters."""
    assert call.hand_in is not None
    is_review = "findings" in call.hand_in.parameters["properties"]
    arguments = ANSWERS.get(call.place, {"findings": []} if is_review else {"files": []})
    tokens = call.characters // CHARACTERS_PER_TOKEN
    use = Use(id=call.place, name=call.hand_in.name, arguments=arguments)
    usage = Usage(input=tokens, output=len(str(arguments)) // CHARACTERS_PER_TOKEN)
    return Reply(uses=(use,), stop=Stop.tools, usage=usage)


async def play(folder: Path, address: str, path: Path) -> None:
    """Play a run of the demonstration, and record it."""
    spec = lay_demo(folder, address, None, FixedClock(NOW), scripted=True)
    name = f"recorded:{RECORDING}"
    record = Recording.begin(path, NOW)
    roles = TeamRoles(
        settings=read_config(folder).models, models={name: FunctionModel(answered, name=name)}, record=record
    )
    async with open_app(folder, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(spec, POLICY)
        status = await segments.advance(run.id)
        assert status is RunStatus.released, (await app.ledger.run(run.id)).note


def main() -> None:
    """Serve the account, play, and put the recording where it is shipped from."""
    with account() as place, tempfile.TemporaryDirectory() as top:
        path = Path(top) / "answers.jsonl"
        asyncio.run(play(Path(top) / "demo", place.address, path))
        SHIPPED.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{SHIPPED.name}: {len(ANSWERS)} of the answers say something")


if __name__ == "__main__":
    main()
