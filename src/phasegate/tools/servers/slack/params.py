"""Parameters of the Slack tools."""

from typing import Annotated

from pydantic import Field

from phasegate.tools.servers.slack.blocks import AgentBlock
from phasegate.tools.servers.slack.cards import DIGEST, FACTS, GATE, USER, Fact
from phasegate.tools.servers.slack.cards import Link as Where

CHANNEL = r"[CDG][A-Z0-9]{2,30}"

Key = Annotated[
    str, Field(description="an idempotency key of yours, e.g. r-7f3a/plan/1/card", min_length=1, max_length=500)
]
Channel = Annotated[
    str, Field(description="an id such as C024BE91L, not a name; empty: SLACK_CHANNEL", pattern=f"^({CHANNEL})?$")
]
Timestamp = Annotated[
    str, Field(description="of a message, e.g. 1763888400.000100", pattern=r"^[0-9]{1,12}\.[0-9]{6}$")
]
Thread = Annotated[
    str, Field(description="the timestamp of its first message; empty: none", pattern=r"^([0-9]{1,12}\.[0-9]{6})?$")
]
Text = Annotated[
    str,
    Field(
        description="plain text, escaped: no mention, no hidden link; cut at 40,000 characters. With blocks: what a "
        "notification shows",
        min_length=1,
        max_length=200_000,
    ),
]
Blocks = Annotated[
    list[AgentBlock], Field(description="at most 50; formatting only, no buttons or pictures; mentions become text")
]
Limit = Annotated[int, Field(description="how many at most", ge=1, le=100)]
Cursor = Annotated[str, Field(description="next_cursor of the page before; empty for the first", max_length=1000)]
UserId = Annotated[str, Field(description="e.g. U012A3CDE", pattern=f"^{USER}$")]
Email = Annotated[str, Field(description="an e-mail address", pattern=r"^[^@\s]+@[^@\s]+$", max_length=320)]
Gate = Annotated[str, Field(description="RUN/PHASE/ATTEMPT", pattern=f"^{GATE}$")]
Digest = Annotated[str, Field(description="of what the gate shows, 64 hexadecimal digits", pattern=f"^{DIGEST}$")]
Title = Annotated[str, Field(description="a line of plain text", min_length=1, max_length=10_000)]
Summary = Annotated[
    str, Field(description="plain text: what is asked, or what came of it", min_length=1, max_length=200_000)
]
Facts = Annotated[list[Fact], Field(description="risk, phase, findings, cost …", max_length=FACTS)]
Link = Annotated[str, Field(description="https:// or http://, to the gate's page; empty: none", max_length=3000)]
Links = Annotated[
    list[Where], Field(description="more links, such as the ticket's; at most 5 are shown", max_length=20)
]
Mention = Annotated[list[UserId], Field(description="who is called, by id", max_length=20)]
