"""Whatever is sent to the API, within its document and beyond, is answered: never by a 5xx."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from phasegate.identity import Scope
from phasegate.web.listen import listen
from phasegate.web.parts import parts_of
from phasegate.web.server import build
from unit.web.parts import office

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Served(Thread):
    """The server on a port of loopback, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.ready, self.stop = folder, Event(), Event()
        self.address = self.secret = self.gate = ""

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        settings, listening = listen("127.0.0.1", 0, behind_tls=False, names=())
        async with office(self.folder) as here:
            parts = parts_of(here.app, settings, here.parts.accounts)
            self.gate = str(await here.gate())
            _, self.secret = await parts.tokens.create("fuzz", list(Scope), timedelta(days=1), account="ada")
            self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            server = uvicorn.Server(uvicorn.Config(build(parts), log_level="error", lifespan="off"))
            serving = asyncio.create_task(server.serve([listening]))
            self.ready.set()
            await asyncio.to_thread(self.stop.wait)
            server.should_exit = True
            await serving
        listening.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    thread = Served(tmp_path_factory.mktemp("fuzz"))
    thread.start()
    assert thread.ready.wait(60)
    yield thread
    thread.stop.set()
    thread.join(30)


@pytest.fixture
def document(served: Served) -> schemathesis.BaseSchema:
    loaded = schemathesis.openapi.from_url(f"{served.address}/api/v1/openapi.json")
    return loaded.exclude(path_regex="/stream$")


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_answer_is_a_server_s_failure(case: schemathesis.Case[Any], served: Served) -> None:
    run, phase, attempt = served.gate.split("/")
    if case.path_parameters and len(str(case.path_parameters)) % 2:  # half of them meet what is there
        case.path_parameters.update(
            {"run": run} | ({"phase": phase, "attempt": attempt} if "phase" in case.path_parameters else {})
        )
    answer = case.call(headers={"authorization": f"Bearer {served.secret}"}, timeout=30)
    case.validate_response(answer, checks=[not_a_server_error])
