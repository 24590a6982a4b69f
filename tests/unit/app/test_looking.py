"""What the architect sees before planning: counted by our AWS server, over the protocol, in a local account."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from phasegate.app import open_app
from phasegate.app.looking import Looker
from phasegate.app.tools import sessions_of
from phasegate.authors import Facts
from phasegate.core import FixedClock
from phasegate.ledger import Grants
from phasegate.runbooks.documents.plan import _there
from phasegate.runbooks.inventory import Inventory
from unit.authors.small import FOLDER, NOW, laid

REGIONS = ["eu-west-1", "us-east-1"]


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def volumes(account: str, region: str, number: int) -> None:
    keys: dict[str, Any] = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    ec2 = boto3.client("ec2", region_name=region, endpoint_url=account, **keys)
    for _ in range(number):
        ec2.create_volume(Size=1, AvailabilityZone=f"{region}a")


async def looked(folder: Path, endpoint: str, accounts: tuple[str, ...] = ("",)) -> tuple[Inventory, list[Any]]:
    """What is counted, and the events of it."""
    target: Path = laid(folder, endpoint=endpoint)
    async with open_app(target, clock=FixedClock(NOW)) as app:
        aws = app.config.aws.model_copy(update={"inventory": tuple(REGIONS), "accounts": accounts})
        object.__setattr__(app, "config", app.config.model_copy(update={"aws": aws}))
        run = await app.start(target / FOLDER)
        sessions = sessions_of(app)
        facts: Facts = await app.folder.facts(run.id)
        try:
            looker = Looker(app=app, sessions=sessions, grants=Grants(app.database, app.clock))
            found = await looker.count(facts, "cloud-architect", "plan/1/1", app.folder.read(FOLDER))
        finally:
            await sessions.close()
        return found, [e for e in await app.ledger.events(run.id) if e.kind == "tool"]


async def test_the_account_is_counted_and_the_call_is_an_event(tmp_path: Path, account: str) -> None:
    volumes(account, "eu-west-1", 3)
    found, events = await looked(tmp_path / "target", account)
    assert {(row.account, row.region): row.count for row in found.counted} == {
        ("", "eu-west-1"): 3,
        ("", "us-east-1"): 0,
    }
    assert [(e.body["by"], e.body["tool"], e.body["outcome"]) for e in events] == [
        ("cloud-architect", "aws.count_resources", "answered")
    ]
    assert "| own | eu-west-1 | 3 |" in _there(found)
    assert Inventory.from_json(found.as_json()) == found


async def test_an_account_that_does_not_answer_is_said_and_stops_nothing(tmp_path: Path) -> None:
    found, events = await looked(tmp_path / "target", "http://127.0.0.1:9")
    assert all(row.count is None for row in found.counted)
    assert found.trouble or all(row.error for row in found.counted)
    assert "unknown" in _there(found) or "could not be counted" in _there(found)
    assert len(events) == 1
