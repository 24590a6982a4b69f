"""Everything here calls programs of others as they are; `make real` runs it."""

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from real import small_model as model


@pytest.fixture
def moto() -> Iterator[str]:
    """The address of an AWS on this machine."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def small_model() -> Iterator[str]:
    """The address of a real language model on this machine."""
    try:
        with model.small_model() as address:
            yield address
    except model.NotToBeHad as reason:
        pytest.skip(str(reason))
