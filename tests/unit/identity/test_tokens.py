from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from phasegate.core import UsageError
from phasegate.identity import Scope
from unit.identity.people import NOW, People, people

MONTH = timedelta(days=30)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[People]:
    async with people(tmp_path) as made:
        yield made


async def test_token_is_found_by_its_secret_until_it_expires(here: People) -> None:
    token, secret = await here.tokens.create("ci", [Scope.read, Scope.run], MONTH)
    assert secret.startswith("pg_")
    assert await here.tokens.find(secret) == token
    assert token.kind == "service"
    assert token.scopes == {Scope.read, Scope.run}
    here.clock.move(NOW + MONTH)
    assert await here.tokens.find(secret) is None


async def test_revoked_token_is_of_no_use(here: People) -> None:
    token, secret = await here.tokens.create("ci", [Scope.read], MONTH)
    await here.tokens.revoke(token.id)
    assert await here.tokens.find(secret) is None
    assert [row.revoked_at for row in await here.tokens.all()] == [NOW]
    with pytest.raises(UsageError, match="no live token"):
        await here.tokens.revoke(token.id)


async def test_service_can_never_decide(here: People) -> None:
    with pytest.raises(UsageError, match="decide"):
        await here.tokens.create("ci", [Scope.read, Scope.decide], MONTH)
    token, _ = await here.tokens.create("mine", [Scope.decide], MONTH, account="ada")
    assert token.kind == "person"


@pytest.mark.parametrize(
    ("scopes", "lasts"),
    [
        pytest.param([], MONTH, id="nothing allowed"),
        pytest.param([Scope.read], timedelta(0), id="no time"),
        pytest.param([Scope.read], timedelta(days=-1), id="in the past"),
        pytest.param([Scope.read], timedelta(days=367), id="longer than a year"),
    ],
)
async def test_token_says_what_it_allows_and_ends(scopes: list[Scope], lasts: timedelta, here: People) -> None:
    with pytest.raises(UsageError):
        await here.tokens.create("ci", scopes, lasts)
    assert await here.tokens.all() == []


async def test_tokens_of_an_account_go_with_it(here: People) -> None:
    _, secret = await here.tokens.create("mine", [Scope.read], MONTH, account="ada")
    await here.accounts.remove("ada")
    assert await here.tokens.find(secret) is None


async def test_secret_is_not_stored(here: People) -> None:
    _, secret = await here.tokens.create("ci", [Scope.read], MONTH)
    await here.database.close()
    assert secret.encode() not in b"".join(
        file.read_bytes() for file in Path(here.database.store.name).parent.glob("p.db*")
    )
