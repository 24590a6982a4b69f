"""One Teams for all tests, as new for each."""

from collections.abc import Iterator

import pytest

from unit.tools.teams.desk import Desk, desk


@pytest.fixture(scope="session")
def running() -> Iterator[Desk]:
    with desk() as made:
        yield made


@pytest.fixture
def at(running: Desk) -> Desk:
    running.teams.clear()
    return Desk(running.teams, running.address)
