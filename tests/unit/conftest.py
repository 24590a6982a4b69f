"""Fixtures that tests of several packages share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    """Serve an empty AWS account on this machine, and give its address."""
    from moto.server import ThreadedMotoServer  # takes a second to load, in each process that runs tests

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
