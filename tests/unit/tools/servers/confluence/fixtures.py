"""A Confluence on loopback, and our server that talks to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mcp.server.fastmcp import FastMCP

from phasegate.tools.servers.confluence.client import ConfluenceClient
from phasegate.tools.servers.confluence.server import serving
from phasegate.tools.servers.http_calls import RetryPolicy
from services import serve
from services.confluence import BOT, ConfluenceService, Page

MIA = "712020:mia"
ADR = {"space": "OPS", "title": "ADR 7", "markdown": "# Decision\n\nWe *stop* idle volumes."}


@dataclass
class ConfluenceServer:
    """What a test has before it."""

    confluence: ConfluenceService
    address: str
    slept: list[float] = field(default_factory=list)

    def server(self, *, token: str = BOT[1], email: str = BOT[0], answer_s: float = 5.0) -> FastMCP:
        """A server that does not sleep, but notes that it would."""
        patience = RetryPolicy(answer_s=answer_s, sleep=self.slept.append)
        return serving(ConfluenceClient(f"{self.address}/wiki", token, email, patience))

    @property
    def only(self) -> Page:
        """The page there is; that there is another fails the test."""
        (page,) = self.confluence.pages.values()
        return page


@contextmanager
def confluence_server() -> Iterator[ConfluenceServer]:
    """A Confluence that runs."""
    confluence = ConfluenceService()
    with serve(confluence) as address:
        yield ConfluenceServer(confluence, address)
