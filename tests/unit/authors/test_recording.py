"""Runs that are recorded, and replayed in another repository and on another day without a model."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from phasegate.app import open_app, read_config
from phasegate.authors.roles import TeamRoles
from phasegate.core import FixedClock
from phasegate.demo import account
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from phasegate.models import Call, FunctionModel, ModelFailed, Recording, Reply, Spent, Stop, Usage, Use
from unit.authors.sample_spec import FOLDER, NOW, OWN
from unit.authors.test_model import EVERYBODY, MODEL, target, written

LATER = NOW + timedelta(days=40)


@dataclass(frozen=True)
class Result:
    """A run after a segment."""

    status: RunStatus
    spent: Spent
    files: dict[str, bytes]


async def competent(call: Call) -> Reply:
    """Writes the spec as the product owner, and finds the rest right as it stands."""
    assert call.hand_in is not None
    if "findings" in call.hand_in.parameters["properties"]:
        arguments: dict[str, Any] = {"findings": []}
    else:
        arguments = written() if "# Product owner" in call.messages[0].text else {"files": []}
    use = Use(id="1", name=call.hand_in.name, arguments=arguments)
    return Reply(uses=(use,), stop=Stop.tools, usage=Usage(input=1000, output=100))


async def no_provider(call: Call) -> Reply:
    raise AssertionError("a provider was called")


async def advanced(
    folder: Path, policy: str = "", *, record: Recording | None = None, replay: Recording | None = None
) -> Result:
    model = FunctionModel(competent if record else no_provider, name=MODEL)
    roles = TeamRoles(settings=read_config(folder).models, models={MODEL: model}, record=record, replay=replay)
    now: datetime = NOW if record else LATER
    async with open_app(folder, clock=FixedClock(now), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(folder / FOLDER, policy=policy, at=roles.dated)
        status = await segments.advance(run.id)
        files = dict(app.workspace.tree(app.workspace.tip(run.branch) or run.base))
        return Result(status, await app.meter.spent(run.id), files)


async def twice(top: Path, *roles: str, policy: str = "", endpoint: str = "http://127.0.0.1:9") -> list[Result]:
    """A recorded run, and its replay."""
    path = top / "run.jsonl"
    first, second = (
        target(top / name, *roles, endpoint=endpoint, alone=bool(policy)) for name in ("recorded", "replayed")
    )
    recorded = await advanced(first, policy, record=Recording.begin(path, NOW))
    assert len(path.read_text().splitlines()) - 1 == recorded.spent.calls > 0
    results = [recorded, await advanced(second, policy, replay=Recording.read(path))]
    for result in results:
        for name in [name for name in result.files if name.endswith(OWN)]:
            del result.files[name]  # each repository has a root of its own
    return results


async def test_a_replay_comes_to_the_same_tree_at_the_first_gate(tmp_path: Path) -> None:
    recorded, replayed = await twice(tmp_path, *EVERYBODY)
    assert recorded.status is replayed.status is RunStatus.waiting
    assert recorded == replayed


async def test_a_replay_of_another_spec_stops_at_the_first_call_and_asks_no_model(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await advanced(target(tmp_path / "a", "product-owner"), record=Recording.begin(path, NOW))
    other = target(tmp_path / "b", "product-owner")
    spec = other / FOLDER / "spec.md"
    spec.write_text(spec.read_text().replace("nobody uses", "somebody uses"))
    with pytest.raises(ModelFailed, match=r"'# Product owner: .*; no provider was called"):
        await advanced(other, replay=Recording.read(path))


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_a_whole_run_is_replayed_byte_for_byte(tmp_path: Path) -> None:
    with account(0) as served:
        recorded, replayed = await twice(tmp_path, *EVERYBODY, policy="demo", endpoint=served.address)
    assert recorded.status is replayed.status is RunStatus.released
    assert recorded == replayed
