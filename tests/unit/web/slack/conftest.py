from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.slack import SlackService
from unit.web.clicking import Channel, channel, slack_running


@pytest.fixture(scope="session")
def running() -> Iterator[SlackService]:
    with slack_running() as slack:
        yield slack


@pytest.fixture
async def at(tmp_path: Path, running: SlackService) -> AsyncIterator[Channel]:
    async with channel(tmp_path, running) as made:
        yield made
