from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.core import Refused, UsageError
from phasegate.identity.signin import LIMITS, WINDOW
from phasegate.ledger import PrivateKey
from unit.identity.people import NOW, PASSPHRASE, People, people


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[People]:
    async with people(tmp_path) as made:
        yield made


async def test_signing_in_unlocks_the_key(here: People) -> None:
    proof = await here.sign_in.prove("ada", PASSPHRASE, "::1")
    assert (proof.account, proof.key.public) == ("ada", here.key.public)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        pytest.param("ada", "wrong", id="passphrase"),
        pytest.param("bob", PASSPHRASE, id="name"),
        pytest.param("ada", "", id="nothing"),
        pytest.param("ada", PASSPHRASE + "x" * 5_000, id="very long"),
        pytest.param("", "", id="nobody"),
        pytest.param("ada' or '1'='1", PASSPHRASE, id="a quotation mark"),
        pytest.param("ADA", PASSPHRASE, id="other case"),
    ],
)
async def test_who_is_not_who_they_say_learns_nothing_more(name: str, secret: str, here: People) -> None:
    with pytest.raises(Refused) as refusal:
        await here.sign_in.prove(name, secret, "::1")
    assert (refusal.value.reason, str(refusal.value)) == ("wrong_passphrase", "name or passphrase is wrong")


async def test_account_keeps_neither_passphrase_nor_open_key(here: People) -> None:
    account = await here.accounts.find("ada")
    assert account
    assert account.hash.startswith("$argon2id$")
    assert PASSPHRASE not in account.hash + account.key
    assert "ENCRYPTED PRIVATE KEY" in account.key
    assert account.created_at == NOW


async def test_account_needs_the_manager_s_own_key(here: People) -> None:
    with pytest.raises(UsageError, match="not the key"):
        await here.accounts.add("ada", PASSPHRASE, here.pem, PrivateKey(Ed25519PrivateKey.generate()).public)
    with pytest.raises(Refused, match="does not open"):
        await here.accounts.add("ada", "another", here.pem, here.key.public)


async def test_account_that_is_gone_cannot_sign_in(here: People) -> None:
    session = await here.sessions.begin(await here.sign_in.prove("ada", PASSPHRASE, "::1"))
    await here.accounts.remove("ada")
    assert await here.sessions.find(session.id) is None
    with pytest.raises(Refused):
        await here.sign_in.prove("ada", PASSPHRASE, "::1")
    with pytest.raises(UsageError, match="no account"):
        await here.accounts.remove("ada")


async def test_tries_are_counted_and_the_right_passphrase_waits_too(here: People) -> None:
    for _ in range(LIMITS["pair"]):
        with pytest.raises(Refused, match="wrong"):
            await here.sign_in.prove("ada", "wrong", "10.0.0.1")
    with pytest.raises(Refused) as refusal:
        await here.sign_in.prove("ada", PASSPHRASE, "10.0.0.1")
    assert refusal.value.reason == "too_many_tries"
    assert await here.sign_in.prove("ada", PASSPHRASE, "10.0.0.2")
    here.clock.move(NOW + WINDOW)
    assert await here.sign_in.prove("ada", PASSPHRASE, "10.0.0.1")


async def test_many_names_from_one_address_wait(here: People) -> None:
    for number in range(LIMITS["address"]):
        with pytest.raises(Refused, match="wrong"):
            await here.sign_in.prove(f"name{number}", "wrong", "10.0.0.1")
    with pytest.raises(Refused, match="too many"):
        await here.sign_in.prove("ada", PASSPHRASE, "10.0.0.1")


async def test_tries_that_are_long_ago_do_not_count(here: People) -> None:
    for number in range(LIMITS["pair"] * 2):
        here.clock.move(NOW + number * timedelta(minutes=5))
        with pytest.raises(Refused, match="wrong"):
            await here.sign_in.prove("ada", "wrong", "10.0.0.1")
