"""Whatever is sent to the API, within its document and beyond, is answered: never by a 5xx."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from socket import socket
from threading import Event, Thread
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from phasegate.identity import Scope
from phasegate.web.context import context_of
from phasegate.web.server import build
from phasegate.web.settings import Settings
from phasegate.web.socket import listen
from unit.web.fixtures import web_server

EXAMPLES = 25
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Served(Thread):
    """The server on a port of loopback, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.ready, self.stop = folder, Event(), Event()
        self.address = self.gate = ""
        self.secrets: list[str] = []

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        settings, listening = listen("127.0.0.1", 0, behind_tls=False, names=())
        with listening:
            await self._serve_at(listening, settings)

    async def _serve_at(self, listening: socket, settings: Settings) -> None:
        async with web_server(self.folder) as here:
            parts = context_of(here.app, settings, here.parts.accounts)
            self.gate = str(await here.gate())
            persons = [scope for scope in Scope if scope is not Scope.work]
            for scopes in (persons, [Scope.read, Scope.work]):  # one that decides may not do an assistant's work
                _, secret = await parts.tokens.create("fuzz", scopes, timedelta(days=1), account="ada")
                self.secrets.append(secret)
            self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            server = uvicorn.Server(uvicorn.Config(build(parts), log_level="error", lifespan="off"))
            serving = asyncio.create_task(server.serve([listening]))
            self.ready.set()
            await asyncio.to_thread(self.stop.wait)
            server.should_exit = True
            await serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    thread = Served(tmp_path_factory.mktemp("fuzz"))
    thread.start()
    assert thread.ready.wait(60)
    yield thread
    thread.stop.set()
    thread.join(30)


def operations(served: Served) -> Iterator[schemathesis.APIOperation[Any, Any, Any, Any]]:
    """Every operation of the document but the stream, which does not end while its run waits."""
    schema = schemathesis.openapi.from_url(f"{served.address}/api/v1/openapi.json")
    for found in schema.exclude(path_regex="/stream$").get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


def test_no_answer_is_a_server_s_failure(served: Served) -> None:
    asked = Counter[str]()

    def ask(case: schemathesis.Case[Any]) -> None:
        if case.path_parameters and len(str(case.path_parameters)) % 2:  # half of them meet what is there
            there = dict(zip(("run", "phase", "attempt"), served.gate.split("/"), strict=True))
            case.path_parameters.update({name: there[name] for name in case.path_parameters if name in there})
        secret = served.secrets[sum(asked.values()) % len(served.secrets)]
        answer = case.call(headers={"authorization": f"Bearer {secret}"}, timeout=30)
        asked[f"{case.method} {case.path}"] += 1
        case.validate_response(answer, checks=[not_a_server_error])

    for operation in operations(served):
        strategy = operation.as_strategy()
        tries = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        tries(given(case=strategy)(ask))()
    assert len(asked) >= 11
    assert sum(asked.values()) > 100
