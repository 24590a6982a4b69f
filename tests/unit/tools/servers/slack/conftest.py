"""One Slack for all tests, as new for each."""

from collections.abc import Iterator

import pytest

from unit.tools.servers.slack.fixtures import SlackServer, slack_server


@pytest.fixture(scope="session")
def running() -> Iterator[SlackServer]:
    with slack_server() as made:
        yield made


@pytest.fixture
def at(running: SlackServer) -> SlackServer:
    running.slack.clear()
    return SlackServer(running.slack, running.address)
