"""What architect and SRE see of an account: counted by our AWS server, over the protocol, in a local account."""

from pathlib import Path
from typing import Any

import boto3
import pytest

from phasegate.app import open_app
from phasegate.authors import Facts
from phasegate.core import FixedClock
from phasegate.hosting.engine import open_engine
from phasegate.hosting.inventory_count import InventoryCounter
from phasegate.ledger import Event
from phasegate.ledger.events import GateOpened, Observed, ReviewReported, ToolCalled, only
from phasegate.runbooks.compiler.documents import there
from phasegate.runbooks.language import Inventory
from phasegate.scaffold import establish_root
from phasegate.tool_access import open_run_tools
from unit.authors.sample_spec import FOLDER, NOW, sample_repository

REGIONS = ["eu-west-1", "us-east-1"]


def volumes(account: str, region: str, number: int) -> None:
    keys: dict[str, Any] = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    ec2 = boto3.client("ec2", region_name=region, endpoint_url=account, **keys)
    for _ in range(number):
        ec2.create_volume(Size=1, AvailabilityZone=f"{region}a")


async def looked(folder: Path, endpoint: str, accounts: tuple[str, ...] = ("",)) -> tuple[Inventory, list[ToolCalled]]:
    """What is counted, and the events of it."""
    target: Path = sample_repository(folder, endpoint=endpoint)
    async with open_app(target, clock=FixedClock(NOW)) as app:
        aws = app.config.aws.model_copy(update={"inventory": tuple(REGIONS), "accounts": accounts})
        object.__setattr__(app, "config", app.config.model_copy(update={"aws": aws}))
        run = await app.start(target / FOLDER)
        facts: Facts = await app.folder.facts(run.id)
        async with open_run_tools(app) as tools:
            looker = InventoryCounter(app=app, tools=tools)
            found = await looker.count(facts, "cloud-architect", "plan/1/1", app.folder.read(FOLDER))
        return found, await app.ledger.events_of(run.id, ToolCalled)


async def test_the_account_is_counted_and_the_call_is_an_event(tmp_path: Path, account: str) -> None:
    volumes(account, "eu-west-1", 3)
    found, events = await looked(tmp_path / "target", account)
    assert {(row.account, row.region): row.count for row in found.counted} == {
        ("", "eu-west-1"): 3,
        ("", "us-east-1"): 0,
    }
    assert [(e.role, e.tool, e.outcome) for e in events] == [("cloud-architect", "aws.count_resources", "answered")]
    assert "| own | eu-west-1 | 3 |" in there(found)
    assert Inventory.from_json(found.as_json()) == found


async def test_an_account_that_does_not_answer_is_said_and_stops_nothing(tmp_path: Path) -> None:
    found, events = await looked(tmp_path / "target", "http://127.0.0.1:9")
    assert all(row.count is None for row in found.counted)
    assert found.trouble or all(row.error for row in found.counted)
    assert "unknown" in there(found) or "could not be counted" in there(found)
    assert len(events) == 1


ONE = """name: one
version: 1
gates: [specify]
requires: {workspace: any, endpoint: any, index: any}
marks: unreleasable
"""


async def planned_run(folder: Path, endpoint: str, *regions: str) -> list[Event]:
    """The events of a run up to the gate of its plan."""
    target = sample_repository(folder, endpoint=endpoint)
    toml = target / "phasegate.toml"
    toml.write_text(toml.read_text().replace("[aws]\n", f"[aws]\ninventory = {list(regions)}\n"))
    policies = target / "graphs" / "policies"
    policies.mkdir(parents=True)
    (policies / "one.yaml").write_text(ONE)
    establish_root(target, None, FixedClock(NOW))
    async with open_app(target, clock=FixedClock(NOW)) as app, open_engine(app) as segments:
        run = await app.start(target / FOLDER, policy="one")
        await segments.advance(run.id)
        events = await app.ledger.events_of(run.id, Event)
    assert [event.key for event in only(events, GateOpened)] == ["gate:specify/1", "gate:plan/1"]
    return events


def review(events: list[Event]) -> ReviewReported:
    (found,) = [event for event in only(events, ReviewReported) if event.key == "review:plan/1/1/sre-automation"]
    return found


@pytest.mark.slow
async def test_architect_and_sre_count_each_for_itself_and_the_gate_says_what_differs(
    tmp_path: Path, account: str
) -> None:
    volumes(account, "eu-central-1", 3)
    events = await planned_run(tmp_path / "target", account, "eu-central-1", "ap-south-1")
    calls = [(e.role, e.tool, e.outcome) for e in only(events, ToolCalled)]
    assert calls == [(role, "aws.count_resources", "answered") for role in ("cloud-architect", "sre-automation")]
    looks = {look.role: [row["count"] for row in look.seen["counted"]] for look in only(events, Observed)}
    assert looks == {"cloud-architect": [3, 0], "sre-automation": [3, 0]}
    assert "ec2.DescribeVolumes lists 3 in 2 of 2 places" in review(events).evidence
    assert review(events).findings == ()


@pytest.mark.slow
async def test_what_cannot_be_counted_is_a_finding_at_the_gate_and_stops_nothing(tmp_path: Path) -> None:
    events = await planned_run(tmp_path / "target", "http://127.0.0.1:9", "eu-central-1")
    found = review(events).findings
    assert {(f.rule, f.severity) for f in found} == {("not-counted", "medium")}


@pytest.mark.slow
async def test_where_no_region_is_named_nobody_looks_and_it_is_said(tmp_path: Path, account: str) -> None:
    events = await planned_run(tmp_path / "target", account)
    assert only(events, Observed, ToolCalled) == []
    assert any(line.startswith("nobody looked") for line in review(events).evidence)
