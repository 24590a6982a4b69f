from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from unit.web.fixtures import WebServer, web_server


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[WebServer]:
    """A repository whose runs are written by scripts."""
    async with web_server(tmp_path) as made:
        yield made
