"""The package built once, in a real sandbox."""

from datetime import UTC, datetime

import pytest
import pytest_asyncio

from phasegate.release import Built, build
from phasegate.sandbox import Sandbox, find_sandbox
from unit.release.acme import tree


@pytest.fixture(scope="session")
def at() -> datetime:
    return datetime(2026, 11, 3, 12, 0, 1, tzinfo=UTC)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> Sandbox:
    return await find_sandbox()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def built(sandbox: Sandbox, at: datetime) -> Built:
    return await build(tree(), at=at, sandbox=sandbox)
