import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from mcp.server.fastmcp import FastMCP
from moto.server import ThreadedMotoServer

from phasegate.tools.servers.aws.server import build
from unit.tools.servers.aws.fixtures import KEY, SECRET, Between

Setup = Callable[..., Any]


@pytest.fixture(scope="session")
def started() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def moto(started: str) -> str:
    """The address of an AWS where nothing is left of the test before."""
    post(f"{started}/moto-api/reset-auth", b"Infinity")
    post(f"{started}/moto-api/reset")
    return started


def settings(address: str) -> dict[str, str]:
    """One attempt a call, so that no test waits for a second one."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_MAX_ATTEMPTS": "1",
        "PHASEGATE_AWS_ROLE": "audit/phasegate-read",
    }


@pytest.fixture
def environ(moto: str) -> dict[str, str]:
    return settings(moto)


@pytest.fixture(scope="session")
def reading(started: str) -> FastMCP:
    return build(settings(started))


@pytest.fixture
def server(reading: FastMCP, moto: str) -> FastMCP:
    """One for all tests: botocore reads a service's model once."""
    return reading


@pytest.fixture(scope="session")
def passing(started: str) -> Iterator[Between]:
    made = Between(started)
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(scope="session")
def reading_between(passing: Between) -> FastMCP:
    return build(settings(passing.address))


@pytest.fixture
def between(passing: Between) -> Between:
    passing.forget()
    return passing


@pytest.fixture
def spoilable(reading_between: FastMCP, between: Between) -> FastMCP:
    """A server whose AWS a test can spoil; what is there is what the test before left."""
    return reading_between


@pytest.fixture(scope="session")
def clients() -> dict[tuple[str, str], Any]:
    return {}


@pytest.fixture
def setup(moto: str, clients: dict[tuple[str, str], Any]) -> Setup:
    """A boto3 client that puts things there."""

    def client(service: str, region: str = "eu-west-1") -> Any:
        if (service, region) not in clients:
            make: Any = boto3.client
            clients[service, region] = make(
                service, region, endpoint_url=moto, aws_access_key_id=KEY, aws_secret_access_key=SECRET
            )
        return clients[service, region]

    return client


def post(address: str, body: bytes = b"") -> None:
    request = urllib.request.Request(address, body, {"Content-Type": "text/plain"}, method="POST")
    urllib.request.urlopen(request).close()
