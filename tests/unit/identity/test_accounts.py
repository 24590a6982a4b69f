from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from phasegate.core import Refused, UsageError
from phasegate.identity import Proof
from phasegate.identity.signin import LIMITS, WINDOW
from phasegate.keyholder import Mandate
from phasegate.ledger import PrivateKey, open_pem
from phasegate.store.schema import accounts
from unit.identity.people import NOW, PASSPHRASE, People, people

MANDATE = Mandate(by="ada", seconds=60)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[People]:
    async with people(tmp_path) as made:
        yield made


async def test_signing_in_unlocks_no_key(here: People) -> None:
    assert await here.sign_in.prove("ada", PASSPHRASE, "::1") == Proof(account="ada")


async def test_passphrase_has_the_key_held_under_its_mandate(here: People) -> None:
    key = await here.sign_in.unlock("ada", PASSPHRASE, "::1", MANDATE)
    assert key.public == here.key.public.raw
    with pytest.raises(Refused) as refused:
        key.sign(b"no statement")
    assert refused.value.reason == "no_statement"
    assert not key.is_held()


@pytest.mark.parametrize(("name", "secret"), [("ada", "wrong"), ("ada", ""), ("bob", PASSPHRASE)])
async def test_key_stays_closed_without_its_passphrase(here: People, name: str, secret: str) -> None:
    with pytest.raises(Refused) as refused:
        await here.sign_in.unlock(name, secret, "::1", MANDATE)
    assert refused.value.reason == "wrong_passphrase"


async def test_guesses_at_a_key_are_throttled_with_those_at_signing_in(here: People) -> None:
    for _ in range(LIMITS["pair"]):
        with pytest.raises(Refused, match="passphrase"):
            await here.sign_in.unlock("ada", "wrong", "::1", MANDATE)
    for act in (here.sign_in.unlock("ada", PASSPHRASE, "::1", MANDATE), here.sign_in.prove("ada", PASSPHRASE, "::1")):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.reason == "too_many_tries"


async def test_key_that_is_quick_to_guess_is_stored_anew_at_the_next_unlock(here: People) -> None:
    encryption = BestAvailableEncryption(PASSPHRASE.encode())
    weak = here.key._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()
    await here.database.write(lambda c: c.execute(accounts.update().values(key=weak)))
    await here.sign_in.unlock("ada", PASSPHRASE, "::1", MANDATE)
    stored = await here.accounts.find("ada")
    assert stored
    assert stored.key != weak
    assert open_pem(stored.key.encode(), PASSPHRASE, "the key").public == here.key.public


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
