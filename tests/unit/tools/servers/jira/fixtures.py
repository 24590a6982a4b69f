"""A Jira on loopback, and our server that talks to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mcp.server.fastmcp import FastMCP

from phasegate.tools.servers.http_calls import RetryPolicy
from phasegate.tools.servers.jira.client import JiraClient
from phasegate.tools.servers.jira.server import serving
from services import serve
from services.jira import BOT, JiraService
from services.jira_state import Person

MIA = Person(name="Mia Chen", email="mia@example.com")
ISSUE = {"project": "PG", "type": "Task", "summary": "Find idle volumes", "description": "They cost *money*."}


@dataclass
class JiraServer:
    """What a test has before it."""

    jira: JiraService
    address: str
    slept: list[float] = field(default_factory=list)

    def server(self, *, token: str = BOT.token, waits_s: float = 60.0, answer_s: float = 5.0) -> FastMCP:
        """A server that does not sleep, but notes that it would."""
        patience = RetryPolicy(answer_s=answer_s, waits_s=waits_s, sleep=self.slept.append)
        email = BOT.email if self.jira.deployment == "Cloud" else ""
        return serving(JiraClient(self.address, token, email, patience))


@contextmanager
def jira_server(deployment: str = "Cloud") -> Iterator[JiraServer]:
    """A Jira that runs."""
    jira = JiraService(deployment=deployment)
    with serve(jira) as address:
        yield JiraServer(jira, address)
