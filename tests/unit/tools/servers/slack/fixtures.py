"""A Slack on loopback, and our server that talks to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mcp.server.fastmcp import FastMCP

from phasegate.core import FixedClock
from phasegate.tools.servers.http_calls import RetryPolicy
from phasegate.tools.servers.slack.client import SlackClient
from phasegate.tools.servers.slack.server import serving
from services import serve
from services.slack import NOW, TOKEN, SlackService


@dataclass
class SlackServer:
    """What a test has before it."""

    slack: SlackService
    address: str
    slept: list[float] = field(default_factory=list)

    def client(self, *, token: str = TOKEN, waits_s: float = 60.0, answer_s: float = 5.0) -> SlackClient:
        """A client that does not sleep, but notes that it would."""
        patience = RetryPolicy(answer_s=answer_s, waits_s=waits_s, sleep=self.slept.append)
        return SlackClient(token, f"{self.address}/api/", patience, FixedClock(NOW))

    def server(self, *, token: str = TOKEN, waits_s: float = 60.0, answer_s: float = 5.0) -> FastMCP:
        """A server that posts into ops, when it is not told where."""
        return serving(self.client(token=token, waits_s=waits_s, answer_s=answer_s), "C0OPS")


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    """A Slack that runs."""
    slack = SlackService()
    with serve(slack) as address:
        yield SlackServer(slack, address)
