"""Servers of others, plugged in by the very files that docs/tools.md shows, and called by a role as the engine does."""

import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.app import App, open_app
from phasegate.core import FixedClock, PhasegateError, Refused
from phasegate.doctor import CheckResult, State, checks_of, run_checks
from phasegate.ledger import PrivateKey
from phasegate.ledger.events import ToolCalled
from phasegate.tool_access import Tools, open_tools
from phasegate.tools.client import Policy, Scope, ToolClient
from phasegate.workflow.gates import standing_grants
from real.environments import environment
from services import serve
from services.jira import BOT, JiraService
from unit.authors.sample_spec import NOW, sample_repository

pytestmark = pytest.mark.real
ADA = PrivateKey(Ed25519PrivateKey.generate())
PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()
FILES = {yaml.safe_load(text)["name"]: text for text in re.findall(r"```yaml\n(name: .*?)```", PAGE, re.S)}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A repository with a server of others plugged in."""

    app: App
    tools: Tools
    server: str
    events: list[Mapping[str, Any]] = field(default_factory=list)

    def hands(self, role: str) -> ToolClient:
        """A role's hands, as the engine makes them."""
        aws = self.app.config.aws
        scope = Scope(accounts=frozenset(aws.accounts), regions=frozenset(aws.inventory))
        return ToolClient(
            role=role,
            policy=Policy(servers=self.app.team.servers, now=self.app.clock.now, scope=scope),
            sessions=self.tools.sessions,
            grants=partial(standing_grants, self.app.keeper, self.tools.grants),
            record=self._record,
        )

    async def let_start(self) -> None:
        """Let the server be started as its file says, with the manager's key."""
        server = self.tools.server(self.server)
        await self.tools.let_start(server, "ada", ADA, NOW + timedelta(days=30), shown=server.definition)

    async def grant(self, *writes: str, **only: list[str]) -> None:
        """Grants what the server shows now, with the manager's key."""
        server, until = self.tools.server(self.server), NOW + timedelta(days=30)
        seen = await self.tools.look(server)
        assert seen.trouble == ""
        marks = {offer.name: offer.fingerprint for offer in seen.offers}
        await self.tools.grant(server, "ada", ADA, until, writes=writes, only=only, seen=marks)

    async def refused(self, role: str, tool: str, **arguments: Any) -> str:
        """The reason for which a call is not made."""
        with pytest.raises(Refused) as refusal:
            await self.hands(role).call(self.server, tool, **arguments)
        return refusal.value.reason

    async def checked(self) -> CheckResult:
        """What `phasegate doctor` says of the server."""
        folder = self.app.folder.path
        async with checks_of(folder, os.environ, folder) as checks:
            ((said, _),) = [each async for each in run_checks([c for c in checks if c.name == f"server {self.server}"])]
        return said

    async def _record(self, called: ToolCalled) -> None:
        self.events.append(called.model_dump())


@asynccontextmanager
async def plugged(top: Path, server: str, endpoint: str) -> AsyncIterator[Bench]:
    """A repository of ada's whose tools/ has the file of the documentation."""
    managers = {"ada": ADA}
    folder = sample_repository(top / "target", endpoint=endpoint, managers=managers)
    (folder / "tools").mkdir()
    (folder / "tools" / f"{server}.yaml").write_text(FILES[server])
    config = folder / "phasegate.toml"
    config.write_text(config.read_text().replace("[aws]\n", '[aws]\ninventory = ["eu-west-1"]\n'))
    async with open_app(folder, clock=FixedClock(NOW)) as app, open_tools(app) as tools:
        yield Bench(app=app, tools=tools, server=server)


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes clients of the local AWS, and has the servers' variables set."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    return partial(boto3.client, endpoint_url=moto, region_name="eu-west-1")


def on_path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its programs are found, as after an installation."""
    monkeypatch.setenv("PATH", f"{environment(name)}{os.pathsep}{os.environ['PATH']}")


async def test_cloudwatch(moto: str, aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path("cloudwatch", monkeypatch)
    metrics = aws("cloudwatch")
    metrics.put_metric_alarm(
        AlarmName="cpu-high",
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Statistic="Average",
        Period=300,
        EvaluationPeriods=1,
        Threshold=90.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    metrics.set_alarm_state(AlarmName="cpu-high", StateValue="ALARM", StateReason="a test")
    async with plugged(tmp_path, "cloudwatch", moto) as bench:
        assert await bench.refused("sre-automation", "get_active_alarms", region="eu-west-1") == "server_not_granted"
        await bench.let_start()
        assert await bench.refused("sre-automation", "get_active_alarms", region="eu-west-1") == "not_pinned"
        await bench.grant()
        answer = await bench.hands("sre-automation").call("cloudwatch", "get_active_alarms", region="eu-west-1")
        assert [alarm["alarm_name"] for alarm in answer.data["metric_alarms"]] == ["cpu-high"]
        assert await bench.refused("sre-automation", "get_active_alarms", region="us-east-1") == "outside_scope"
        assert await bench.refused("qa-specialist", "get_active_alarms", region="eu-west-1") == "role_not_allowed"
        assert await bench.refused("sre-automation", "cancel_logs_insight_query", query_id="x") == "tool_not_listed"
        offered = {tool.name for tool in await bench.hands("sre-automation").tools()}
        checked = await bench.checked()
    assert "cloudwatch_get_active_alarms" in offered
    assert (checked.state, "callable" in checked.says) == (State.ok, True), checked
    assert not {"cloudwatch_cancel_logs_insight_query", "cloudwatch_execute_promql_query"} & offered
    assert [event["outcome"] for event in bench.events].count("answered") == 1


async def test_iam(moto: str, aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path("iam", monkeypatch)
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    aws("iam").create_role(RoleName="runbooks", AssumeRolePolicyDocument=document)
    async with plugged(tmp_path, "iam", moto) as bench:
        assert await bench.refused("devsec-engineer", "list_roles") == "server_not_granted"
        await bench.let_start()
        assert await bench.refused("devsec-engineer", "list_roles") == "not_pinned"
        await bench.grant()
        answer = await bench.hands("devsec-engineer").call("iam", "list_roles")
        assert "arn:aws:iam::123456789012:role/runbooks" in answer.text
        assert await bench.refused("devsec-engineer", "create_user", user_name="eve") == "tool_not_listed"
        assert await bench.refused("devsec-engineer", "delete_user", user_name="eve") == "never_granted"
    assert aws("iam").list_users()["Users"] == []


async def test_atlassian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path("atlassian", monkeypatch)
    jira = JiraService(deployment="Server")
    jira.add("Volumes cost too much\u202e")
    with serve(jira) as address:
        monkeypatch.setenv("JIRA_URL", address)
        monkeypatch.setenv("JIRA_PERSONAL_TOKEN", BOT.token)
        async with plugged(tmp_path, "atlassian", "") as bench:
            owner = bench.hands("product-owner")
            await bench.let_start()
            await bench.grant("jira_add_comment", issue_key=["PG-1"])
            found = await owner.call("atlassian", "jira_search", jql="project = PG")
            assert "Volumes cost too much<U+202E>" in found.text
            wish = {"issue_key": "PG-1", "body": "Three of them are free."}
            assert not (await owner.call("atlassian", "jira_add_comment", **wish)).failed
            elsewhere = await bench.refused("product-owner", "jira_add_comment", issue_key="PG-2", body="x")
            deleting = await bench.refused("product-owner", "jira_delete_issue", issue_key="PG-1")
            assert (elsewhere, deleting) == ("needs_grant", "never_granted")
            jira.faults.expired()
            says = await owner.call("atlassian", "jira_get_issue", issue_key="PG-1")
    assert [comment.body for comment in jira.issues["PG-1"].comments] == ["Three of them are free."]
    assert says.failed
    assert "PG-1" in jira.issues


async def test_a_server_that_is_not_installed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    async with plugged(tmp_path, "cloudwatch", "") as bench:
        await bench.let_start()
        seen = await bench.tools.look(bench.tools.server("cloudwatch"))
        assert "does not start" in seen.trouble
        with pytest.raises(PhasegateError, match="does not start"):
            await bench.hands("sre-automation").call("cloudwatch", "get_active_alarms", region="eu-west-1")
