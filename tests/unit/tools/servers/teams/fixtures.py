"""A Teams on loopback, and our server that talks to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mcp.server.fastmcp import FastMCP

from phasegate.tools.servers.http_calls import RetryPolicy
from phasegate.tools.servers.teams.client import TeamsClient
from phasegate.tools.servers.teams.server import serving
from services import serve
from services.teams import PATH, TeamsService

CARD = {"key": "r-7f3a/plan", "title": "Plan waits", "text": "Three volumes.\n\nOne risk."}


@dataclass
class TeamsServer:
    """What a test has before it."""

    teams: TeamsService
    address: str
    slept: list[float] = field(default_factory=list)

    def server(self, *, path: str = PATH, answer_s: float = 5.0) -> FastMCP:
        """A server that does not sleep, but notes that it would."""
        patience = RetryPolicy(answer_s=answer_s, sleep=self.slept.append)
        return serving(TeamsClient(f"{self.address}{path}", patience))


@contextmanager
def teams_server() -> Iterator[TeamsServer]:
    """A Teams that runs."""
    teams = TeamsService()
    with serve(teams) as address:
        yield TeamsServer(teams, address)
