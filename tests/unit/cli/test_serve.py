"""What `phasegate serve` says of Slack, as the command that a person runs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from services import serve
from services.slack import APP_TOKEN, TOKEN, SlackService
from unit.authors.sample_spec import sample_repository

COMMAND = [sys.executable, "-m", "phasegate.cli", "serve", "--port", "0", "--no-worker"]
SECRET = {"SLACK_SIGNING_SECRET": "s3cret"}
TOKENS = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_API_URL": "http://127.0.0.1:9/api/"}
APP = {"SLACK_APP_TOKEN": APP_TOKEN}
LAST = "nobody can sign in yet"


def surroundings(more: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SLACK_")} | more


@contextmanager
def served(target: Path, more: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it says after that once it takes requests."""
    with subprocess.Popen(
        COMMAND, cwd=target, env=surroundings(more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found
        said: list[str] = []
        while unsigned(found[0]) is None:
            pass
        yield found[0], said
        server.terminate()
        said += server.stdout.read().splitlines()
        assert server.wait(30) == 0


def unsigned(address: str) -> int | None:
    """Of a click that nobody signed; None while nobody answers."""
    try:
        return httpx.post(f"{address}/slack/interactive", content=b"payload=%7B%7D", timeout=60).status_code
    except httpx.TransportError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environ", "says", "status"),
    [
        pytest.param({}, [], 404, id="nothing"),
        pytest.param(TOKENS, ["SLACK_SIGNING_SECRET or SLACK_APP_TOKEN"], 404, id="a token alone"),
        pytest.param(SECRET, ["is off: set SLACK_BOT_TOKEN"], 404, id="a secret alone"),
        pytest.param({**TOKENS, **SECRET}, ["clicks in Slack come to {address}/slack/interactive"], 401, id="HTTP"),
    ],
)
def test_it_says_how_clicks_come_or_what_is_missing(
    tmp_path: Path, environ: dict[str, str], says: list[str], status: int
) -> None:
    with served(sample_repository(tmp_path / "target"), environ) as (address, said):
        assert unsigned(address) == status
    about = [line for line in said if LAST not in line and "ask Slack who we are" not in line]
    assert len(about) == len(says)
    assert all(words.format(address=address) in line for words, line in zip(says, about, strict=True))


@pytest.mark.slow
def test_by_socket_mode_it_opens_the_connection_itself(tmp_path: Path) -> None:
    slack = SlackService()
    with serve(slack) as there:
        slack.socket = f"ws://{there.removeprefix('http://')}/link"
        environ = {**TOKENS, **APP, "SLACK_API_URL": f"{there}/api/"}
        with served(sample_repository(tmp_path / "target"), environ) as (address, said):
            assert unsigned(address) == 404
            while not slack.faults.count("POST", "apps.connections.open"):
                pass
    assert any("come by a connection from here" in line for line in said)
    assert APP_TOKEN not in str(said)


def test_socket_mode_without_its_token_is_not_served(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--slack-socket"],
        cwd=sample_repository(tmp_path / "target"),
        env=surroundings(TOKENS | SECRET),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, "SLACK_APP_TOKEN is not set" in done.stderr) == (4, True)
