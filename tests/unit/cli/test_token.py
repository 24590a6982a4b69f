"""Tokens at the terminal, with the real commands in a real repository."""

import asyncio
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from phasegate.app import open_app
from phasegate.cli.program import root
from phasegate.core import FixedClock, Missing, Refused, UsageError
from phasegate.identity import Tokens
from unit.cli.repository import NOW, at_home, lay, refused, run, said

GIVEN = ("--passphrase-file", "passphrase")
READS = ("token", "create", "ci", "--scope", "read")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        lay(top, patch)
        said("account", "add", "ada", *GIVEN)
    return top


@pytest.fixture(autouse=True)
def target(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    at_home(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path / "acme")
    return tmp_path / "acme"


def create(*words: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(said("token", "create", *words, "--json"))
    return row


def listed(at: datetime = NOW) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(said("token", "list", "--json", at=at))
    return rows


async def _holds(secret: str, at: datetime) -> bool:
    async with open_app(Path.cwd(), clock=FixedClock(at)) as app:
        return await Tokens(app.database, app.clock).find(secret) is not None


def holds(secret: str, at: datetime = NOW) -> bool:
    return asyncio.run(_holds(secret, at))


def test_the_secret_alone_is_printed_where_a_program_reads() -> None:
    done = run(*READS, "--scope", "run")
    (secret,) = done.stdout.splitlines()
    assert "for ci (service), until 2026-12-18 20:10 UTC" in done.stderr
    assert "shown once" in done.stderr
    assert holds(secret)
    (row,) = listed()
    assert said("token", "list") == f"{row['id']}  service  read,run  until 2026-12-18  ci\n"
    assert secret not in said("token", "list") + json.dumps(listed())


def test_json_has_the_secret_once() -> None:
    made = create("ci", "--scope", "read", "--expires", "12h")
    assert holds(made.pop("secret"))
    assert made["expires_at"] == (NOW + timedelta(hours=12)).isoformat()
    assert listed() == [{**made, "state": "live"}]
    assert (made["name"], made["account"], made["scopes"]) == ("ci", None, ["read"])


def test_a_service_cannot_be_given_the_right_to_decide() -> None:
    error = refused("token", "create", "ci", "--scope", "read", "--scope", "decide")
    assert isinstance(error, UsageError)
    assert "--for NAME" in error.fix
    assert listed() == []


def test_a_person_s_own_token_may_decide() -> None:
    made = create("mine", "--scope", "decide", "--for", "ada", *GIVEN)
    assert (made["account"], made["scopes"]) == ("ada", ["decide"])
    assert "ada  decide  until 2026-12-18  mine" in said("token", "list")


@pytest.mark.parametrize("name", ["ada", "dee"])  # the wrong passphrase, and one who has no account
def test_a_person_s_token_is_made_by_that_person_alone(name: str) -> None:
    Path("passphrase").write_text("not that one\n")
    error = refused("token", "create", "mine", "--scope", "read", "--for", name, *GIVEN)
    assert isinstance(error, Refused)
    assert error.reason == "wrong_passphrase"
    assert listed() == []


def test_without_a_terminal_nobody_is_asked_for_the_passphrase() -> None:
    assert isinstance(refused("token", "create", "mine", "--scope", "read", "--for", "ada"), Missing)
    assert listed() == []


@pytest.mark.parametrize("text", ["30", "d", "0d", "-1d", "1.5d", "30 d", "30w", "100000d", "soon", ""])
def test_a_time_that_is_none_is_refused_by_name(text: str) -> None:
    done = CliRunner().invoke(root, [*READS, "--expires", text])
    assert done.exit_code == 2
    assert "a whole number and d or h, such as 30d" in done.output
    assert listed() == []


@pytest.mark.parametrize(("text", "works"), [("366d", True), ("367d", False), ("8784h", True), ("8785h", False)])
def test_a_token_lasts_a_year_at_most(text: str, works: bool) -> None:
    if works:
        assert len(said(*READS, "--expires", text).splitlines()) == 1
    else:
        assert isinstance(refused(*READS, "--expires", text), UsageError)
    assert len(listed()) == works


@pytest.mark.parametrize("words", [("ci",), ("ci", "--scope", "all"), ("--scope", "read")])
def test_half_of_what_is_needed_is_refused(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(root, ["token", "create", *words]).exit_code == 2
    assert listed() == []


def test_a_token_is_revoked_at_once_and_once() -> None:
    one, other = create("one", "--scope", "read"), create("other", "--scope", "read")
    assert said("token", "revoke", one["id"]) == f"token {one['id']} is of no use any more\n"
    assert (holds(one["secret"]), holds(other["secret"])) == (False, True)
    assert {row["name"]: row["state"] for row in listed()} == {"one": "revoked", "other": "live"}
    assert f"{one['id']}  service  read  revoked  one\n" in said("token", "list")
    for name in (one["id"], "none"):
        error = refused("token", "revoke", name)
        assert isinstance(error, UsageError)
        assert "phasegate token list" in error.fix


def test_one_that_is_over_says_so() -> None:
    made = create("ci", "--scope", "read", "--expires", "1h")
    later = datetime(2026, 11, 18, 21, 10, tzinfo=UTC)
    assert (holds(made["secret"], later), listed(later)[0]["state"]) == (False, "expired")
    assert "  expired  ci" in said("token", "list", at=later)
