import base64
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from phasegate.identity import Scope
from phasegate.ledger import GateKey
from phasegate.reports import By, spend_of, view_gate, whole_run
from unit.authors.sample_spec import FOLDER, NOW
from unit.models.metered import metered
from unit.web.fixtures import HOST, WebServer

API = f"http://{HOST}/api/v1"


@asynccontextmanager
async def program(here: WebServer, *scopes: Scope, account: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    _, secret = await here.parts.tokens.create("test", scopes, timedelta(days=1), account=account)
    transport, headers = httpx.ASGITransport(app=here.web), {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(transport=transport, base_url=API, headers=headers) as client:
        yield client


async def handed_in(
    here: WebServer, client: httpx.AsyncClient, key: GateKey, kind: str, signer: str = "ada", **more: Any
) -> httpx.Response:
    """Asks for the statement, signs it as its owner would at home, and hands it in."""
    digest = (await here.parts.gate(*key)).digest
    asked = await client.post(f"{API}/gates/{key}/statement", json={"decision": kind, "digest": digest, **more})
    assert asked.status_code == 200, asked.text
    signature = here.keys[signer].sign(base64.b64decode(asked.json()["encoded"]))
    return await client.post(
        f"{API}/gates/{key}/decisions", json=signed(here, asked.json()["statement"], signature, signer)
    )


def signed(here: WebServer, statement: dict[str, Any], signature: bytes, signer: str = "ada") -> dict[str, Any]:
    return {
        "statement": statement,
        "key_id": here.keys[signer].key_id,
        "signature": base64.b64encode(signature).decode(),
    }


async def test_values_are_those_of_the_terminal(here: WebServer) -> None:
    key = await here.gate()
    async with program(here, Scope.read) as client:
        run = (await client.get(f"{API}/runs/{key.run}")).json()
        gate = (await client.get(f"{API}/gates/{key}")).json()
    assert run == (await whole_run(here.app, await here.app.ledger.run(key.run))).plain()
    view = await view_gate(here.app, await here.parts.gate(*key))
    assert gate == view.report().plain()


async def test_spend_is_that_of_the_terminal(here: WebServer) -> None:
    one, two = await here.start(), await here.start()
    await metered(here.app.database, one, "product-owner", "specify/1/1/spec")
    await metered(here.app.database, two, "qa-specialist", "specify/1/1/qa-specialist")
    async with program(here, Scope.read) as client:
        whole = (await client.get(f"{API}/spend", params={"by": ["role", "month"]})).json()
        single = (await client.get(f"{API}/spend", params={"run": two})).json()
        assert (await client.get(f"{API}/spend", params={"run": "nowhere"})).json()["reason"] == "unknown"
        assert (await client.get(f"{API}/spend", params={"by": "weather"})).status_code == 422
    assert whole == (await spend_of(here.app, by=(By.role, By.month))).plain()
    assert [row["role"] for row in whole["rows"]] == ["product-owner", "qa-specialist"]
    assert [(row["run"], row["usd"]) for row in single["rows"]] == [(two, "0.2")]


async def test_spend_is_had_as_rows_of_focus(here: WebServer) -> None:
    one, two = await here.start(), await here.start()
    for run in (one, two):
        await metered(here.app.database, run, "product-owner", "specify/1/1/spec")
    async with program(here, Scope.read) as client:
        answer = await client.get(f"{API}/spend/focus", params={"run": two})
        assert (await client.get(f"{API}/spend/focus", params={"run": "nowhere"})).status_code == 404
    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["x_Run"], row["BilledCost"]) == (two, "0.2")


async def test_lists_come_in_parts(here: WebServer) -> None:
    runs = {await here.start() for _ in range(5)}
    async with program(here, Scope.read) as client:
        for path, name in (("runs", "id"), ("gates", "gate")):
            seen, after = [], ""
            while after is not None:
                part = (await client.get(f"{API}/{path}", params={"limit": 2, "after": after})).json()
                seen += [row[name].partition("/")[0] for row in part["items"]]
                after = part["next"]
            assert (len(seen), set(seen)) == (5, runs)
        assert (await client.get(f"{API}/runs", params={"after": "rubbish"})).json()["reason"] == "invalidinput"


async def test_events_and_stream_tell_the_same(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        await ada.decide(key, "reject")
    await here.segments.advance(key.run)
    async with program(here, Scope.read) as client:
        listed = (await client.get(f"{API}/runs/{key.run}/events", params={"limit": 200})).json()["items"]
        stream = (await client.get(f"{API}/runs/{key.run}/stream", params={"after": 2})).text
    told = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {") and "seq" in line]
    assert [event["seq"] for event in told] == [event["seq"] for event in listed][2:]
    assert told == listed[2:]


async def test_statement_signed_at_home_decides(here: WebServer) -> None:
    key = await here.gate()
    async with program(here, Scope.decide, account="ada") as client:
        answer = await handed_in(here, client, key, "request-changes", comments=[{"text": "Shorter."}])
        assert answer.status_code == 201, answer.text
        assert (answer.json()["decision"], answer.json()["by"]) == ("request-changes", "ada")
    decision = await here.app.ledger.decision(key)
    assert decision
    assert decision.key_id == here.keys["ada"].key_id


async def test_token_without_the_manager_s_key_decides_nothing(here: WebServer) -> None:
    key = await here.gate()
    async with program(here, Scope.decide, account="ada") as client:
        forged = await handed_in(here, client, key, "approve", signer="eve")
        assert (forged.status_code, forged.json()["reason"]) == (403, "bad_signature")
    async with program(here, Scope.decide, account="eve") as client:
        own = await handed_in(here, client, key, "approve", signer="eve")
        assert (own.status_code, own.json()["reason"]) == (403, "not_an_approver")
        digest = (await here.parts.gate(*key)).digest
        wish = {"decision": "approve", "digest": digest}
        asked = (await client.post(f"{API}/gates/{key}/statement", json=wish)).json()
        body = signed(here, {**asked["statement"], "by": "ada"}, b"s" * 64, "eve")
        other = await client.post(f"{API}/gates/{key}/decisions", json=body)
        assert (other.status_code, other.json()["reason"]) == (403, "not_yourself")
    assert await here.app.ledger.decision(key) is None


async def test_statement_that_was_changed_after_it_was_signed_is_refused(here: WebServer) -> None:
    key = await here.gate()
    digest = (await here.parts.gate(*key)).digest
    async with program(here, Scope.decide, account="ada") as client:
        wish = {"decision": "reject", "digest": digest}
        asked = (await client.post(f"{API}/gates/{key}/statement", json=wish)).json()
        signature = here.keys["ada"].sign(base64.b64decode(asked["encoded"]))
        for change in ({"decision": "approve"}, {"at": 1}, {"comments": [{"text": "more"}]}):
            body = signed(here, {**asked["statement"], **change}, signature)
            answer = await client.post(f"{API}/gates/{key}/decisions", json=body)
            assert (answer.status_code, answer.json()["reason"]) == (403, "bad_signature"), change
        for change in ({"by": "eve"}, {"gate": f"{key.run}/plan/1"}):
            body = signed(here, {**asked["statement"], **change}, signature)
            assert (await client.post(f"{API}/gates/{key}/decisions", json=body)).status_code in (403, 404)
    assert await here.app.ledger.decision(key) is None


async def test_decided_once(here: WebServer) -> None:
    key = await here.gate()
    async with program(here, Scope.decide, account="ada") as client:
        assert (await handed_in(here, client, key, "approve")).status_code == 201
        other = await handed_in(here, client, key, "reject")
        assert (other.status_code, other.json()["reason"]) == (409, "already_decided")


async def test_run_is_begun_from_the_backlog(here: WebServer) -> None:
    async with program(here, Scope.run, Scope.read) as client:
        assert [row["spec"] for row in (await client.get(f"{API}/specs")).json()["items"]] == [FOLDER]
        answer = await client.post(f"{API}/runs", json={"spec": FOLDER})
        assert answer.status_code == 201, answer.text
        assert answer.json()["spec"] == FOLDER
        for spec in (FOLDER, "/etc", "../..", "specs/none"):
            assert (await client.post(f"{API}/runs", json={"spec": spec})).status_code == 422


async def test_audit_and_trace(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        await ada.decide(key, "approve")
    async with program(here, Scope.read) as client:
        found = (await client.get(f"{API}/audit", params={"by": "ada", "on": f"{NOW:%Y-%m-%d}"})).json()
        assert [row["decision"] for row in found] == ["approve"]
        assert (await client.get(f"{API}/audit", params={"by": "ada", "on": "2020-01-01"})).json() == []
        trace = (await client.get(f"{API}/runs/{key.run}/trace")).json()
        assert "FR-001" in {node["id"] for node in trace["nodes"]}
        assert (await client.get(f"{API}/gates/{key}/findings")).json() == []


async def test_problems_are_problem_json_with_a_reason(here: WebServer) -> None:
    async with program(here, Scope.read) as client:
        answers = [
            await client.get(f"{API}/runs/none"),
            await client.get(f"{API}/none"),
            await client.get(f"{API}/runs", params={"limit": "many"}),
            await client.post(f"{API}/runs", json={"spec": FOLDER}),
            await client.get(f"{API}/runs", headers={"authorization": "Bearer none"}),
        ]
    assert [answer.status_code for answer in answers] == [404, 404, 422, 403, 401]
    reasons = [answer.json()["reason"] for answer in answers]
    assert reasons == ["unknown", "unknown", "invalid_request", "scope_missing", "bad_token"]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert answers[-1].headers["www-authenticate"].startswith("Bearer")


async def test_document_is_openapi_3_1_and_says_who_may(here: WebServer) -> None:
    document = here.web.openapi()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["security"], path


@pytest.mark.parametrize("size", [1_048_577, 50_000_000])
async def test_large_body_is_refused(size: int, here: WebServer) -> None:
    async with program(here, Scope.run) as client:
        told = await client.post(f"{API}/runs", content=b"x" * size, headers={"content-type": "application/json"})
        assert (told.status_code, told.json()["reason"]) == (413, "too_large")

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b" " * 500_000

        untold = await client.post(f"{API}/runs", content=pieces(), headers={"content-type": "application/json"})
        assert untold.status_code == 413, untold.text
