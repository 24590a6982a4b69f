"""Taking back and delegating over REST: signed at home, just now, once; with the reasons of page and terminal."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from phasegate.identity import Scope
from phasegate.ledger import GateKey, GateStatus
from phasegate.ledger.events import DecisionRevoked
from phasegate.reports import standing
from unit.authors.sample_spec import NOW
from unit.web.fixtures import WebServer, web_server
from unit.web.test_api import API, program, signed

UNTIL = {"to": "amy", "until": "2026-11-30"}
PERSONS = [scope for scope in Scope if scope is not Scope.work]
"""All that a person's token can carry at once."""
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[WebServer]:
    async with web_server(tmp_path, managers=("ada", "amy")) as made:
        yield made


async def asked(
    here: WebServer, client: httpx.AsyncClient, path: str, wish: Any = None, signer: str = "ada"
) -> dict[str, Any]:
    """The statement as its owner signs it at home."""
    answer = await client.post(f"{API}/{path}/statement", json=wish or {})
    assert answer.status_code == 200, answer.text
    signature = here.keys[signer].sign(base64.b64decode(answer.json()["encoded"]))
    return signed(here, answer.json()["statement"], signature, signer)


async def decided(here: WebServer, kind: str = "approve") -> GateKey:
    """A gate at which ada said something."""
    key = await here.gate()
    async with here.browser("ada") as ada:
        assert (await ada.decide(key, kind)).status_code == 303
    return key


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("reason", "")


async def test_what_was_said_is_taken_back(two: WebServer) -> None:
    key = await decided(two)
    async with program(two, Scope.decide, account="ada") as client:
        path = f"gates/{key}/revocation"
        body = await asked(two, client, path)
        answer = await client.post(f"{API}/{path}", json=body)
        assert (answer.status_code, answer.json()["by"], answer.json()["gate"]) == (201, "ada", str(key))
        assert reason(await client.post(f"{API}/{path}", json=body)) == (409, "nothing_to_revoke")
    assert (await two.parts.gate(*key)).status is GateStatus.void
    (event,) = await two.app.ledger.events_of(key.run, DecisionRevoked)
    assert (event.by, event.channel) == ("ada", "api")


async def test_a_delegation_is_given_listed_and_ended(two: WebServer) -> None:
    async with program(two, *PERSONS, account="ada") as client:
        body = await asked(two, client, "delegations", {**UNTIL, "gates": ["plan"]})
        assert (await client.post(f"{API}/delegations", json=body)).status_code == 201
        (row,) = (await client.get(f"{API}/delegations")).json()
        assert (row["by"], row["to"], row["gates"], row["from"]) == ("ada", "amy", ["plan"], int(NOW.timestamp()))
        ended = await client.post(
            f"{API}/delegations/end", json=await asked(two, client, "delegations/end", {"to": "amy"})
        )
        assert (ended.status_code, ended.json()["ended"]) == (200, 1)
        assert (await client.get(f"{API}/delegations")).json() == []
        again = await client.post(
            f"{API}/delegations/end", json=await asked(two, client, "delegations/end", {"to": "amy"})
        )
        assert reason(again) == (409, "nothing_to_end")


async def test_a_delegation_that_was_ended_does_not_come_back_by_its_old_statement(two: WebServer) -> None:
    async with program(two, *PERSONS, account="ada") as client:
        body = await asked(two, client, "delegations", UNTIL)
        assert (await client.post(f"{API}/delegations", json=body)).status_code == 201
        await client.post(f"{API}/delegations/end", json=await asked(two, client, "delegations/end", {"to": "amy"}))
        assert reason(await client.post(f"{API}/delegations", json=body)) == (409, "token_used")
    assert await standing(two.app) == []


@pytest.mark.parametrize("minutes", [6, -1])
async def test_what_was_not_signed_just_now_counts_for_nothing(two: WebServer, minutes: int) -> None:
    key = await decided(two)
    async with program(two, *PERSONS, account="ada") as client:
        revoking = await asked(two, client, f"gates/{key}/revocation")
        giving = await asked(two, client, "delegations", UNTIL)
        ending = await asked(two, client, "delegations/end", {"to": "amy"})
        two.clock.move(NOW + minutes * MINUTE)
        for path, body in ((f"gates/{key}/revocation", revoking), ("delegations", giving), ("delegations/end", ending)):
            assert reason(await client.post(f"{API}/{path}", json=body)) == (403, "reauthentication_required"), path
    assert (await two.parts.gate(*key)).status is GateStatus.decided
    assert await standing(two.app) == []


@pytest.mark.parametrize("signer", ["amy", "eve"])
async def test_another_s_key_takes_nothing_back_and_gives_nothing(two: WebServer, signer: str) -> None:
    key = await decided(two)
    async with program(two, *PERSONS, account="ada") as client:
        wishes: dict[str, Any] = {f"gates/{key}/revocation": {}, "delegations": UNTIL, "delegations/end": {"to": "amy"}}
        for path, wish in wishes.items():
            body = await asked(two, client, path, wish, signer)
            assert reason(await client.post(f"{API}/{path}", json=body)) == (403, "bad_signature"), path
    assert (await two.parts.gate(*key)).status is GateStatus.decided
    assert await standing(two.app) == []


async def test_a_statement_that_was_changed_after_it_was_signed_is_refused(two: WebServer) -> None:
    key = await decided(two)
    async with program(two, *PERSONS, account="ada") as client:
        giving = await asked(two, client, "delegations", UNTIL)
        for change in (
            {"until": giving["statement"]["until"] + 86_400},
            {"gates": ["plan"]},
            {"at": giving["statement"]["at"] - 1},
        ):
            body = {**giving, "statement": {**giving["statement"], **change}}
            assert reason(await client.post(f"{API}/delegations", json=body)) == (403, "bad_signature"), change
        revoking = await asked(two, client, f"gates/{key}/revocation")
        other = await decided(two)
        answer = await client.post(f"{API}/gates/{other}/revocation", json=revoking)
        assert reason(answer) == (404, "unknown_gate")
        moved = {**revoking, "statement": {**revoking["statement"], "gate": str(other)}}
        assert reason(await client.post(f"{API}/gates/{other}/revocation", json=moved)) == (403, "bad_signature")
    assert (await two.parts.gate(*other)).status is GateStatus.decided


async def test_nobody_signs_for_another(two: WebServer) -> None:
    key = await decided(two)
    async with program(two, *PERSONS, account="ada") as hers, program(two, *PERSONS, account="amy") as client:
        body = await asked(two, hers, f"gates/{key}/revocation")
        assert reason(await client.post(f"{API}/gates/{key}/revocation", json=body)) == (403, "not_yourself")
        giving = await asked(two, hers, "delegations", UNTIL)
        assert reason(await client.post(f"{API}/delegations", json=giving)) == (403, "not_yourself")


@pytest.mark.parametrize(
    ("wish", "status", "why"),
    [
        ({"to": "eve", "until": "2026-11-30"}, 422, "unknown_delegate"),
        ({"to": "ada", "until": "2026-11-30"}, 422, "unknown_delegate"),
        ({"to": "amy", "until": "2026-11-01"}, 422, "empty_window"),
        ({"to": "amy", "until": "2026-11-30", "gates": ["nowhere"]}, 404, "unknown_gate"),
    ],
)
async def test_what_cannot_be_delegated(two: WebServer, wish: dict[str, Any], status: int, why: str) -> None:
    async with program(two, *PERSONS, account="ada") as client:
        body = await asked(two, client, "delegations", wish)
        assert reason(await client.post(f"{API}/delegations", json=body)) == (status, why)
    assert await standing(two.app) == []
