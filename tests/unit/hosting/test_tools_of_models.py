"""A model that works as the architect looks at the account with its role's tools, and cites what it saw."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from phasegate.app import open_app, read_config
from phasegate.authors.roles import TeamRoles
from phasegate.core import Finding, FixedClock
from phasegate.hosting import open_engine
from phasegate.ledger.events import CheckReported, ToolCalled
from phasegate.models import Call, FunctionModel, Prompt, Reply, Result, Stop, Usage, Use
from unit.authors.sample_spec import FOLDER, NOW, sample_repository

MODEL = "scripted:function"
ROLE = f'\n[roles.cloud-architect]\nmodel = "{MODEL}"\n'
PRICE = f'\n[models.prices."{MODEL}"]\ninput = 1\noutput = 2\nas_of = 2026-11-30\n'
TOOL = "aws_count_resources"
Said = tuple[str, dict[str, Any]]
Planned = tuple[str, list[Finding], list[ToolCalled]]


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    keys: dict[str, Any] = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    ec2 = boto3.client("ec2", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}", **keys)
    for _ in range(3):
        ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@dataclass
class Architect:
    """Says one thing after the other, and keeps what it was asked."""

    script: Sequence[Said]
    calls: list[Call] = field(default_factory=list)

    async def reply(self, call: Call) -> Reply:
        name, arguments = self.script[min(len(self.calls), len(self.script) - 1)]
        self.calls.append(call)
        if name == "hand_in" and "plan" in arguments:
            path = f"{FOLDER}/plan.md"
            asked = "\n".join(message.text for message in call.messages if isinstance(message, Prompt))
            (text,) = re.findall(rf"<<<DATA {path} \w+>>>\n(.*?)<<<END", asked, re.DOTALL)
            arguments = {"files": [{"path": path, "text": f"{text}\n{arguments['plan']}\n"}]}
        used = Use(id=f"use-{len(self.calls)}", name=name, arguments=arguments)
        return Reply(uses=(used,), stop=Stop.tools, usage=Usage(input=10, output=10))


async def planned(folder: Path, endpoint: str, architect: Architect) -> Planned:
    """Run up to the gate of the plan; gives plan.md, what the draft has against it, and the calls of tools."""
    target = sample_repository(folder, endpoint=endpoint, managers={})
    config = target / "phasegate.toml"
    text = config.read_text().replace('region = "us-east-1"', 'region = "us-east-1"\ninventory = ["us-east-1"]')
    config.write_text(text + ROLE + PRICE)
    roles = TeamRoles(settings=read_config(target).models, models={MODEL: FunctionModel(architect.reply, name=MODEL)})
    async with open_app(target, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(target / FOLDER, policy="demo")
        await segments.advance(run.id)
        files = app.workspace.tree(app.workspace.tip(run.branch) or run.base)
        checks = await app.ledger.events_of(run.id, CheckReported)
        found = [found for check in checks if check.check.startswith("draft-plan") for found in check.findings]
        return files[f"{FOLDER}/plan.md"].decode(), found, await app.ledger.events_of(run.id, ToolCalled)


COUNT: Said = (TOOL, {"operation": "ec2:DescribeVolumes", "regions": ["us-east-1"]})
PLAN: Said = ("hand_in", {"plan": "The account has 3 volumes [O1]."})


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


@pytest.mark.slow
async def test_the_architect_counts_and_cites(tmp_path: Path, account: str) -> None:
    architect = Architect([COUNT, PLAN])
    plan, findings, events = await planned(tmp_path / "target", account, architect)
    result = architect.calls[1].messages[-1]
    assert isinstance(result, Result)
    assert result.text.startswith("[O1]\n<<<DATA aws.count_resources ")
    assert '"region": "us-east-1", "count": 3' in result.text
    assert "The account has 3 volumes [O1]." in plan
    assert "## Observations\n\n- **O1**: `aws.count_resources` `{" in plan
    assert findings == []
    own = [event for event in events if (event.scope, event.role) == ("plan/1/1", "cloud-architect")]
    # Its look at the inventory, which the workflow has it take, and its own call.
    assert [(event.tool, event.outcome) for event in own] == [("aws.count_resources", "answered")] * 2


@pytest.mark.slow
async def test_what_was_not_seen_cannot_be_cited(tmp_path: Path, account: str) -> None:
    far = (TOOL, {"operation": "ec2:DescribeVolumes", "regions": ["ap-south-1"]})
    architect = Architect([far, PLAN])
    plan, findings, events = await planned(tmp_path / "target", account, architect)
    assert "is not within its bounds" in str(architect.calls[1].messages[-1])
    assert "[O1] is cited, and no result of a tool has that mark" in str(architect.calls[2].messages[-1])
    assert "## Observations" not in plan
    assert {(finding.rule, finding.blocking) for finding in findings} == {("unseen-citation", True)}
    assert "refused: outside_scope" in {event.outcome for event in events}
