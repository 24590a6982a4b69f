from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from unit.web.parts import Office, office


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    """A repository whose runs are written by scripts."""
    async with office(tmp_path) as made:
        yield made
