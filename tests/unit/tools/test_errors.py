"""An error of a tool is the same error where it was called from, whatever lies between."""

import pytest
from mcp.shared.memory import create_connected_server_and_client_session
from mcp.types import CallToolResult, TextContent

from phasegate.core import (
    Exhausted,
    Finding,
    InvalidInput,
    Missing,
    PhasegateError,
    Refused,
    Severity,
    Unknown,
    UsageError,
)
from phasegate.tools.client.answer import answer_of
from phasegate.tools.errors import META, Absent, Invalid, RateLimited, ToolFailure
from phasegate.tools.servers.mcp_base import READ, McpServer, Result, tool

_FINDING = Finding(
    check="lint", rule="r", severity=Severity.high, path="a.md", line=3, message="no title", fix="add one"
)


class Nothing(Result):
    """No answer."""


async def _result(error: Exception) -> CallToolResult:
    server = McpServer("failing", "Fails.")

    @tool(server, READ)
    def fail() -> Nothing:
        """Fails."""
        raise error

    async with create_connected_server_and_client_session(server._mcp_server) as client:
        await client.list_tools()  # with the schema, the client judges answers by it
        return await client.call_tool("fail", {})


@pytest.mark.parametrize(
    "error",
    [
        PhasegateError("it failed", fix="try again"),
        Unknown("lost", fix="look"),
        UsageError("no such run", fix="list them"),
        InvalidInput("it does not hold", fix="mend it", findings=[_FINDING]),
        Missing("no token"),
        Refused("edited since", reason="conflict", fix="read it again"),
        Absent("no such issue"),
        Absent("not told", reason="elsewhere"),  # a reason of its own survives
        Invalid("too long", fix="shorten it"),
        Exhausted("disk full"),
        RateLimited("slow down", retry_after=7.5, fix="call again after that"),
    ],
)
async def test_an_error_comes_back_with_its_type_and_parts(error: PhasegateError) -> None:
    found = answer_of(await _result(error)).error
    assert type(found) is type(error)
    assert (str(found), vars(found)) == (str(error), vars(error))


async def test_a_type_that_does_not_travel_comes_back_as_its_nearest_base() -> None:
    class Odd(Refused):
        """A refusal that only the server knows."""

    found = answer_of(await _result(Odd("no", reason="odd"))).error
    assert isinstance(found, Refused)
    assert (type(found), found.reason) == (Refused, "odd")


async def test_a_report_hides_nothing_and_gives_no_secret_away() -> None:
    key = "AKIA" + "Q" * 16
    answer = answer_of(await _result(Refused(f"ad\u202emin {key}", reason="conflict", fix=f"not {key}")))
    assert answer.error is not None
    assert key not in answer.text + answer.error.full_text
    assert "ad<U+202E>min" in str(answer.error)


async def test_a_failure_that_nobody_foresaw_is_an_error_without_a_kind() -> None:
    found = answer_of(await _result(ZeroDivisionError("by zero"))).error
    assert type(found) is PhasegateError
    assert "by zero" in str(found)


@pytest.mark.parametrize(
    "meta",
    [
        None,  # no report, as other servers fail
        {META: "conflict"},  # no report at all
        {META: {"kind": "refused"}},  # one without a message
        {META: {"kind": "refused", "message": ["x"]}},
    ],
)
def test_a_server_of_others_is_quoted(meta: dict[str, object] | None) -> None:
    said = CallToolResult(content=[TextContent(type="text", text="no (reason: conflict)")], isError=True, _meta=meta)
    found = answer_of(said).error
    assert type(found) is ToolFailure
    assert str(found) == "no (reason: conflict)"


def test_an_unknown_kind_is_a_plain_error() -> None:
    said = CallToolResult(content=[], isError=True, _meta={META: {"kind": "invented", "message": "a\u200bb"}})
    found = answer_of(said).error
    assert type(found) is PhasegateError
    assert str(found) == "a<U+200B>b"
