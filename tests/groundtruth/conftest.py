"""The account is seeded once a session."""

from collections.abc import Iterator

import pytest

from groundtruth.seeded import served


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of the seeded account."""
    with served() as address:
        yield address
