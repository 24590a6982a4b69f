"""One Teams for all tests, as new for each."""

from collections.abc import Iterator

import pytest

from unit.tools.servers.teams.fixtures import TeamsServer, teams_server


@pytest.fixture(scope="session")
def running() -> Iterator[TeamsServer]:
    with teams_server() as made:
        yield made


@pytest.fixture
def at(running: TeamsServer) -> TeamsServer:
    running.teams.clear()
    return TeamsServer(running.teams, running.address)
