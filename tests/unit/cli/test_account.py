"""Accounts at the terminal, with the real commands in a real repository."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.cli.keys import home_of_keys
from phasegate.core import FixedClock, Missing, Refused, UsageError
from phasegate.identity import Accounts, Passphrases, Proof, Sessions, Throttle
from phasegate.ledger import create_key, unlock_key
from unit.cli.repository import NOW, PASSPHRASE, at_home, lay, refused, said, sign

GIVEN = ("--passphrase-file", "passphrase")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        lay(top, patch)
    return top


@pytest.fixture(autouse=True)
def target(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    at_home(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path / "acme")
    return tmp_path / "acme"


async def _signs_in(name: str, passphrase: str) -> bool:
    async with open_app(Path.cwd(), clock=FixedClock(NOW)) as app:
        try:
            await Passphrases(Accounts(app.database, app.clock), Throttle(app.clock)).prove(name, passphrase, "here")
        except Refused as refusal:
            if refusal.reason != "wrong_passphrase":
                raise
            return False
        return True


def signs_in(name: str, passphrase: str = PASSPHRASE) -> bool:
    return asyncio.run(_signs_in(name, passphrase))


def names() -> list[str]:
    return [row["name"] for row in json.loads(said("account", "list", "--json"))]


def test_a_manager_s_key_opens_the_page() -> None:
    assert (names(), said("account", "list")) == ([], "")
    assert not signs_in("ada")
    told = said("account", "add", "ada", *GIVEN)
    assert "ada can sign in, with the passphrase of their key\n→ phasegate serve" in told
    assert said("account", "list") == "ada  since 2026-11-18\n"
    assert json.loads(said("account", "list", "--json")) == [{"name": "ada", "since": NOW.isoformat()}]
    assert signs_in("ada")
    assert not signs_in("ada", "another passphrase")


def test_a_wrong_passphrase_gives_nobody_an_account() -> None:
    Path("passphrase").write_text("not that one\n")
    error = refused("account", "add", "ada", *GIVEN)
    assert isinstance(error, Refused)
    assert error.reason == "wrong_passphrase"
    assert names() == []


def test_without_a_terminal_nobody_is_asked_for_the_passphrase() -> None:
    assert isinstance(refused("account", "add", "ada"), Missing)
    assert names() == []


def test_who_is_no_manager_gets_no_account() -> None:
    error = refused("account", "add", "eve", *GIVEN)
    assert isinstance(error, Missing)
    assert "'eve' is no manager" in str(error)


def test_a_manager_whose_key_is_elsewhere_has_to_name_it() -> None:
    home_of_keys().joinpath("ada.key").rename("moved.key")
    error = refused("account", "add", "ada", *GIVEN)
    assert isinstance(error, Missing)
    assert error.fix == "--key FILE"
    said("account", "add", "ada", "--key", "moved.key", *GIVEN)
    assert signs_in("ada")


def test_another_key_than_the_one_that_is_listed_is_refused() -> None:
    for key in (home_of_keys() / "dee.key", Path("new.key")):
        if not key.exists():
            create_key(key, PASSPHRASE)
        error = refused("account", "add", "ada", "--key", str(key), *GIVEN)
        assert isinstance(error, UsageError)
        assert "not the key that phasegate.toml lists for 'ada'" in str(error)
    assert names() == []


def test_a_new_key_and_passphrase_replace_the_old_and_end_the_sessions(target: Path) -> None:
    said("account", "add", "ada", *GIVEN)
    asyncio.run(_sign_in("ada"))
    old = unlock_key(home_of_keys() / "ada.key", PASSPHRASE).public
    new = create_key(target / "new.key", "another passphrase").public
    toml = target / "phasegate.toml"
    toml.write_text(toml.read_text().replace(str(old), str(new)))
    sign()
    Path("passphrase").write_text("another passphrase\n")
    said("account", "add", "ada", "--key", "new.key", *GIVEN)
    assert (signs_in("ada"), signs_in("ada", "another passphrase")) == (False, True)
    assert said("account", "sign-out", "ada") == "0 session(s) of ada ended\n"


def test_every_session_of_a_person_is_ended_at_once() -> None:
    for name in ("ada", "dee"):
        said("account", "add", name, *GIVEN)
    for name in ("ada", "ada", "dee"):
        asyncio.run(_sign_in(name))
    assert said("account", "sign-out", "ada") == "2 session(s) of ada ended\n"
    assert said("account", "sign-out", "ada") == "0 session(s) of ada ended\n"
    assert said("account", "sign-out", "dee") == "1 session(s) of dee ended\n"


def test_an_account_is_taken_away_with_its_tokens() -> None:
    for name in ("ada", "dee"):
        said("account", "add", name, *GIVEN)
        said("token", "create", "mine", "--scope", "read", "--for", name, *GIVEN)
    assert said("account", "remove", "ada") == "ada cannot sign in any more\n"
    assert (names(), signs_in("ada"), signs_in("dee")) == (["dee"], False, True)
    assert [row["account"] for row in json.loads(said("token", "list", "--json"))] == ["dee"]
    error = refused("account", "remove", "ada")
    assert isinstance(error, UsageError)
    assert "phasegate account list" in error.fix


async def _sign_in(name: str) -> None:
    async with open_app(Path.cwd(), clock=FixedClock(NOW)) as app:
        await Sessions(app.database, app.clock).begin(Proof(account=name))
