"""Servers of tools as data, and that ours say of their tools what their files say."""

from importlib import import_module
from typing import Any

import pytest
from mcp.shared.memory import create_connected_server_and_client_session
from pydantic import ValidationError

from phasegate.core import InvalidInput
from phasegate.team import Effect, ToolServer, load_team, read_server
from phasegate.team.servers import ENGINE

AGENTS = ["sre-automation", "product-owner"]
FIVE_LINES = """\
name: cloudwatch
command: [cloudwatch-mcp-server]
env: [AWS_ENDPOINT_URL, AWS_REGION]
roles: [sre-automation]
tools: {"get_*": read, "put_alarm": {effect: write, roles: [product-owner], per_minute: 5}, "*": destructive}
"""
SETTINGS = {
    "aws": {},
    "jira": {"JIRA_URL": "http://127.0.0.1:9", "JIRA_TOKEN": "x", "JIRA_EMAIL": "a@example.org"},
    "confluence": {"CONFLUENCE_URL": "http://127.0.0.1:9/wiki", "CONFLUENCE_TOKEN": "x", "CONFLUENCE_EMAIL": "a@b.c"},
    "slack": {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_CHANNEL": "C024BE91L"},
    "teams": {"TEAMS_WEBHOOK_URL": "http://127.0.0.1:9/hook"},
}
OURS = sorted(load_team().servers)


def test_the_engine_itself_is_a_caller_and_no_agent_is() -> None:
    text = FIVE_LINES.replace("roles: [product-owner]", f"roles: [{ENGINE}]", 1)
    server = read_server(text, "tools/cloudwatch.yaml", agents=AGENTS)
    assert server.callers("put_alarm") == (ENGINE,)
    slack = load_team().servers["slack"]
    cards = [name for name in slack.tools if name.endswith("_gate_card")]
    assert [(slack.callers(name), slack.tools[name].effect) for name in cards] == [((ENGINE,), Effect.write)] * 2
    assert ENGINE not in load_team().cards


def test_fixed_values_and_bounds_are_read() -> None:
    text = FIVE_LINES.replace("AWS_REGION]", 'AWS_REGION, {READ_ONLY: "true", URL: "https://example.org/a?b=c"}]')
    text = text.replace("per_minute: 5", 'bounds: {name: "alarm-[a-z]+", "options.kind": [low, ""]}')
    server = read_server(text, "tools/cloudwatch.yaml", agents=AGENTS)
    assert server.env == {
        "AWS_ENDPOINT_URL": None,
        "AWS_REGION": None,
        "READ_ONLY": "true",
        "URL": "https://example.org/a?b=c",
    }
    rule = server.rule("put_alarm")
    assert rule
    assert dict(rule.bounds) == {"name": "alarm-[a-z]+", "options.kind": ("low", "")}


def test_five_lines_describe_a_server() -> None:
    server = read_server(FIVE_LINES, "tools/cloudwatch.yaml", agents=AGENTS)
    effects = [getattr(server.rule(name), "effect", None) for name in ("get_metric", "put_alarm", "other")]
    assert effects == [Effect.read, Effect.write, Effect.destructive]
    assert server.callers("put_alarm") == ("product-owner",)
    assert server.rule("get_metric")


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("name: cloudwatch", "name: other", "its file 'cloudwatch'"),
        ("command: [cloudwatch-mcp-server]\n", "", "either a 'command' or a 'url'"),
        ("command: [cloudwatch-mcp-server]", "url: http://example.org/mcp", "https://"),
        ("command: [cloudwatch-mcp-server]", "url: https://me:secret@example.org/mcp", "no password"),
        ("command: [cloudwatch-mcp-server]", "command: [a]\ntoken: A_TOKEN", "goes to a 'url'"),
        ("sre-automation", "nobody", "no role 'nobody'"),
        ("product-owner", "manager", "no role 'manager'"),
        ("read", "reads", "tools"),
        ("AWS_REGION", "aws_region", "env"),
        ("per_minute", "per_second", "per_second"),
        ("per_minute: 5", 'bounds: {name: "(?=a)b"}', "look-around, including look-ahead and look-behind"),
        ("per_minute: 5", 'bounds: {name: "a)|(b"}', "unopened group"),
        ("per_minute: 5", 'bounds: {name: "a{1000}{1000}"}', "size limit"),
        ("per_minute: 5", f"bounds: {{name: {'a' * 1001}}}", "at most 1,000 characters"),
        ("per_minute: 5", 'bounds: {"a..b": x}', "bounds"),
        ("AWS_REGION", '{MODE: "xoxb-123456789012-abcdefgh"}', "'MODE' looks like a secret: write the name alone"),
        ("AWS_REGION", '{DB_PASSWORD: "hunter2hunter2"}', "'DB_PASSWORD' looks like a secret: write the name alone"),
        ("[cloudwatch-mcp-server]", "[a, --token=xoxb-123456789012-abcdefgh]", "a secret stands in the 'command'"),
    ],
)
def test_what_does_not_hold_is_told_with_its_place(was: str, becomes: str, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_server(FIVE_LINES.replace(was, becomes, 1), "tools/cloudwatch.yaml", agents=AGENTS)
    told = f"{refused.value} {[(f.path, f.message, f.fix) for f in refused.value.findings]}"
    assert says in told
    assert "xoxb-" not in told
    assert "hunter2" not in told
    assert refused.value.findings[0].path == "tools/cloudwatch.yaml"


@pytest.mark.parametrize("name", OURS)
async def test_our_files_name_every_tool_of_ours_and_its_effect(name: str) -> None:
    server = load_team().servers[name]
    assert server.ours
    built: Any = import_module(f"phasegate.tools.servers.{name}.server").build(SETTINGS[name])
    async with create_connected_server_and_client_session(built._mcp_server) as client:
        shown = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(shown) == set(server.tools)
    for tool in shown.values():
        rule = server.rule(tool.name)
        assert rule
        assert tool.annotations
        assert tool.annotations.readOnlyHint is (rule.effect is Effect.read), tool.name
        assert server.callers(tool.name)
    assert server.missing(SETTINGS[name]) == []


GIVEN = {"name": "x", "tools": {"get": "read"}, "roles": ["qa-specialist"]}


@pytest.mark.parametrize(
    "word",
    [
        "/tmp/tmp.5l9V8Zislg/project/tests/services/faulty_server.py",
        "--config=/home/ada/Zislg8V5/project/tests/services/faultyserverx/file.yaml",
        "~/Zislg8V5ab/project/tests/services/faultyserverx/file.yaml",
    ],
)
def test_a_path_is_no_secret_however_its_folders_are_called(word: str) -> None:
    server = ToolServer.model_validate({**GIVEN, "command": ["python3", word], "env": [{"X_FILE": word}]})
    assert server.command[1] == word


@pytest.mark.parametrize(
    "word", ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", f"/opt/{'xoxb-'}123456789012-abcdefghijkl/run"]
)
def test_a_secret_in_a_command_is_one_also_within_a_path(word: str) -> None:
    with pytest.raises(ValidationError, match="a secret stands in the 'command'"):
        ToolServer.model_validate({**GIVEN, "command": ["python3", word]})
