"""Servers of an MCP client's configuration, as files of the team that can call nothing."""

import json
from typing import Any

import pytest

from phasegate.core import InvalidInput, find_secrets
from phasegate.team.client_servers import Imported, imported
from phasegate.team.servers import ServerFile, read_server

SLACK = "xoxb-" + "123456789012-abcdefgh"


def one(given: dict[str, Any], name: str = "costs", key: str = "mcpServers") -> Imported:
    (found,) = imported(json.dumps({key: {name: given}}))
    return found


def file_of(found: Imported) -> ServerFile:
    assert found.error is None, found.error
    return read_server(found.text, f"tools/{found.name}.yaml", agents=[])


def test_a_program_is_taken_over_and_can_call_nothing() -> None:
    given = {
        "command": "npx",
        "args": ["-y", "costs-mcp@1.2.3", "--readonly"],
        "env": {"MODE": "read", "COSTS_TOKEN": "a-token-of-mine", "LIMIT": 5, "HOST": "${env:HOST}", "EMPTY": ""},
        "autoApprove": ["get_costs"],
        "disabled": True,
        "cwd": "/home/mia",
    }
    found = one(given)
    server = file_of(found)
    assert server.command == ("npx", "-y", "costs-mcp@1.2.3", "--readonly")
    assert server.env == {"MODE": "read", "COSTS_TOKEN": None, "LIMIT": "5", "HOST": None, "EMPTY": None}
    assert (server.roles, dict(server.tools), server.callers("get_costs")) == ((), {}, ())
    assert found.to_set == ("COSTS_TOKEN", "HOST", "EMPTY")
    assert "a-token-of-mine" not in found.text
    assert [note.split()[0] for note in found.notes] == ["'cwd'", "tools", "the"]
    assert found.runs.startswith("runs 'npx -y costs-mcp@1.2.3 --readonly', is given COSTS_TOKEN")


def test_an_address_is_taken_over_with_the_names_of_its_headers() -> None:
    headers = {"Authorization": f"Bearer {SLACK}", "X-Api-Key": "abc", "X-Team": "${TEAM_NAME}"}
    found = one({"type": "http", "url": "https://example.org/mcp", "headers": headers}, name="Cost Explorer")
    server = file_of(found)
    assert (found.name, server.url, server.token) == (
        "cost-explorer",
        "https://example.org/mcp",
        "COST_EXPLORER_TOKEN",
    )
    assert server.headers == {"X-Api-Key": "COST_EXPLORER_X_API_KEY", "X-Team": "TEAM_NAME"}
    assert found.to_set == ("COST_EXPLORER_TOKEN", "COST_EXPLORER_X_API_KEY", "TEAM_NAME")
    assert not find_secrets(found.text)
    other = one({"url": "https://example.org/mcp", "headers": {"authorization": "Bearer ${input:api-key}"}})
    assert file_of(other).token == "API_KEY"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("npx", "it is no object"),
        ({}, "either a 'command' or a 'url'"),
        ({"command": "a", "args": "b"}, "'args' is no list"),
        ({"command": "a", "args": [1]}, "'command' and 'args' hold texts"),
        ({"command": "a", "env": []}, "'env' is no dict"),
        ({"command": "a", "env": {"lower": "x"}}, "env"),
        ({"command": "a", "args": [f"--token={SLACK}"]}, "a secret stands in the command, at '--token'"),
        ({"command": "a", "args": ["--api-key", "abc"]}, "a secret stands in the command, at '--api-key'"),
        ({"command": "a", "args": ["${workspaceFolder}/x.py"]}, "names a variable"),
        ({"url": "http://example.org/mcp"}, "begins with https://"),
        ({"url": "https://me:pw@example.org/mcp"}, "no password in the address"),
        ({"url": f"https://example.org/mcp?key={SLACK}"}, "a secret stands in"),
        ({"url": 5}, "url"),
        ({"url": "https://example.org/sse", "type": "sse"}, "older SSE"),
    ],
)
def test_what_cannot_be_taken_over_says_why(given: Any, says: str) -> None:
    found = one(given)
    assert found.error
    assert says in found.error.full_text
    assert (found.text, SLACK in found.error.full_text) == ("", False)


def test_names_that_are_taken_are_left_alone() -> None:
    text = json.dumps({"servers": {"AWS": {"command": "a"}, "a b": {"command": "a"}, "A-B": {"command": "a"}}})
    aws, first, second = imported(text, taken=["aws"])
    assert "there is a tools/aws.yaml already" in str(aws.error)
    assert (first.name, first.error) == ("a-b", None)
    assert "there is a tools/a-b.yaml already" in str(second.error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("// servers\n{}", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "no servers under 'mcpServers'"),
        ("{}", "no servers under 'mcpServers'"),
        ('{"mcpServers": {}}', "no servers under 'mcpServers'"),
        ('{"mcpServers": []}', "no servers under 'mcpServers'"),
        (" " * 1_000_001, "more than 1,000,000 characters"),
    ],
)
def test_a_configuration_without_servers_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        imported(text)
    assert "mcpServers" in refused.value.fix
