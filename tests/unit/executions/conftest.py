from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from phasegate.app import App, open_app
from phasegate.core import FixedClock
from unit.authors.sample_spec import NOW, sample_repository
from unit.executions.released_package import ANSWER, Answers


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def app(tmp_path: Path, clock: FixedClock) -> AsyncIterator[App]:
    folder = sample_repository(tmp_path / "target", managers={})
    async with open_app(folder, clock=clock) as opened:
        yield opened


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setenv(ANSWER, "")  # taken back at the end of the test
    return Answers(tmp_path)
