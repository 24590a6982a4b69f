"""The walks of `docs/architecture.md` are those that a spec, a decision and an error of a tool really take."""

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from mcp.shared.memory import create_connected_server_and_client_session

from acceptance.walks import Call, Walk, climbs, packages, walk
from phasegate.cli.program import root
from phasegate.core import FixedClock, InvalidInput
from phasegate.tools.servers.aws import build as aws_server
from unit.authors.sample_spec import FOLDER, NOW, sample_repository
from unit.web.fixtures import web_server

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
WALKS = PAGE.split("\n## Three walks\n")[1].split("\n## ")[0]
CONTRACTS = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
LAYERS = [layer.replace("phasegate.", "") for layer in CONTRACTS[0]["layers"]]
AWS = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
NOTHING = {"operation": "ec2:DescribeNothing", "regions": ["us-east-1"]}


def shown(chain: Sequence[str]) -> str:
    assert chain, "the end was not reached: it was renamed, or the walk goes another way"
    return " → ".join(module.removeprefix("phasegate.") for module in chain)


def on_page() -> list[str]:
    return [" ".join(fence.split()) for fence in re.findall(r"^```text\n(.*?)^```", WALKS, re.M | re.S)]


def up(traced: Walk) -> list[str]:
    """The calls up on the way, without those by which the store runs a transaction that it was handed."""
    found = climbs([Call(*pair) for pair in zip(traced.chain, traced.chain[1:], strict=False)], LAYERS)
    return [shown(call) for call in found if packages([call.caller]) != ("store",)]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    target = sample_repository(tmp_path / "target")
    monkeypatch.chdir(target)
    return target


def test_a_spec_from_the_terminal_to_its_first_segment_and_from_a_worker_to_its_draft(repository: Path) -> None:
    with walk("phasegate.workflow.engine.queue.Queue.dispatch", "phasegate.authors.compiler.author.Compiler.draft") as [
        queued,
        drafted,
    ]:
        CliRunner().invoke(root, ["run", FOLDER], standalone_mode=False, obj=FixedClock(NOW))
    assert [shown(queued.chain), shown(drafted.chain)] == on_page()[:2]
    assert (len(packages(queued.chain)), len(packages(drafted.chain))) == (6, 3)
    assert up(queued) == ["ledger.ledger → workflow.engine.queue"]
    assert up(drafted) == []


async def test_a_decision_from_the_page_to_the_ledger(tmp_path: Path) -> None:
    async with web_server(tmp_path) as here:
        gate = await here.gate()
        async with here.browser("ada") as ada:
            fields = {**await ada.form(f"/gates/{gate}"), "decision": "approve"}
            with walk("phasegate.ledger.chain.append") as [decided]:
                answer = await ada.client.post(f"/gates/{gate}/decide", data=fields)
            assert answer.status_code == 303
    assert shown(decided.chain) == on_page()[2]
    assert packages(decided.chain) == ("web", "app", "workflow", "ledger", "store", "ledger")
    assert up(decided) == []


async def test_an_error_of_a_tool_where_it_is_raised() -> None:
    async with create_connected_server_and_client_session(aws_server(AWS)._mcp_server) as client:
        with walk("phasegate.core.errors.PhasegateError.__init__") as [raised]:
            answer = await client.call_tool("count_resources", NOTHING)
    assert answer.isError
    assert shown(raised.chain) == on_page()[3]
    assert up(raised) == []


def test_an_error_of_a_tool_where_it_was_called(repository: Path) -> None:
    config = repository / "phasegate.toml"
    config.write_text(config.read_text().replace("[aws]\n", '[aws]\ninventory = ["us-east-1"]\n'))
    words = ["tools", "call", "aws", "count_resources", "--json", json.dumps(NOTHING), "--role", "sre-automation"]
    with walk("phasegate.tools.errors.ErrorReport.error") as [answered]:
        done = CliRunner().invoke(root, words, standalone_mode=False, obj=FixedClock(NOW))
    assert isinstance(done.exception, InvalidInput)
    assert "ec2 has no operation 'DescribeNothing'" in str(done.exception)
    assert shown(answered.chain) == on_page()[4]
    assert up(answered) == []
