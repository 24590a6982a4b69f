"""The MCP server of a Teams channel."""

from collections.abc import Mapping
from typing import Annotated

from mcp.server.fastmcp import FastMCP
from pydantic import Field

from phasegate.tools.servers.mcp_base import WRITE, McpServer, Result, setting, tool
from phasegate.tools.servers.teams.cards import Card, Fact, Link, Severity
from phasegate.tools.servers.teams.client import TeamsClient

_INSTRUCTIONS = """Posts cards into one Teams channel. Teams gives no way to read back, so a post whose outcome is
unknown must not be repeated by you: say so to a person."""


class PostedCard(Result):
    """A card that the workflow took. That it shows in the channel, only people can see."""

    key: str
    created: bool = Field(description="false when this server posted a card of the key before")


def build(environ: Mapping[str, str]) -> FastMCP:
    """The server for the workflow at TEAMS_WEBHOOK_URL.

    Raises:
        Missing: the address is not set.
        InvalidInput: it is not https.
    """
    what = "the address of a workflow 'when a Teams webhook request is received'"
    return serving(TeamsClient(setting(environ, "TEAMS_WEBHOOK_URL", what)))


def serving(client: TeamsClient) -> FastMCP:
    """The server on a client."""
    server = McpServer("teams", _INSTRUCTIONS)

    @tool(server, WRITE)
    def post_card(
        key: Annotated[
            str,
            Field(description="yours for this card; shown small at its foot", min_length=1, max_length=200),
        ],
        title: Annotated[str, Field(min_length=1, max_length=300)],
        text: Annotated[
            str,
            Field(description="plain text, no Markdown; cut with a note where Teams' 28 KB end", max_length=100_000),
        ],
        facts: Annotated[list[Fact], Field(description="lines such as Risk: low", max_length=20)] = [],  # noqa: B006
        link: Annotated[str, Field(description="https address of the card's one button", max_length=2000)] = "",
        severity: Severity = "info",
        label: Annotated[str, Field(description="the severity in words, below the title", max_length=100)] = "",
        links: Annotated[list[Link], Field(description="more buttons, at most 5", max_length=20)] = [],  # noqa: B006
    ) -> PostedCard:
        """Posts a card into the channel.

        Not idempotent: only while this server runs does it know a key again. When an error says that the card may or
        may not have been posted, do not call again by yourself: somebody has to look into the channel.
        """
        card = Card(
            key=key, title=title, text=text, facts=facts, link=link, links=links, label=label, severity=severity
        )
        return PostedCard(key=key, created=client.post(card))

    return server
