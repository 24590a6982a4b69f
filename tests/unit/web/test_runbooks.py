"""Released runbooks on the page and by the REST API, with the values that MCP and the terminal tell."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from phasegate.executions import Asked, ScanState
from phasegate.identity import Scope
from phasegate.mcp_server import build
from services.calling import called, refused
from unit.executions.released_package import ANSWER, NAME, Answers, failed, found, release, report
from unit.web.fixtures import HOST, WebServer
from unit.web.test_api import program

API = f"http://{HOST}/api/v1"
PAGE = f"/runbooks/{NAME}"


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setenv(ANSWER, "")
    return Answers(tmp_path)


@pytest.fixture
async def there(here: WebServer, answers: Answers) -> AsyncIterator[WebServer]:
    """A server whose repository has a released runbook."""
    await release(here.app)
    yield here
    await here.parts.executions.close()


async def ended(here: WebServer) -> None:
    while any(each.state is ScanState.running for each in await here.parts.executions.scans.listed()):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def items(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get(f"{API}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


async def test_a_program_scans_and_reads_what_was_found(there: WebServer, answers: Answers) -> None:
    answers.give(report(found("vol-1"), found("vol-2", cost=2.5)))
    async with program(there, Scope.read, Scope.run) as client:
        begun = await client.post(f"{API}/runbooks/{NAME}/scans", json={"accounts": "current"})
        assert (begun.status_code, begun.json()["state"]) == (202, "running")
        await ended(there)
        scan = (await client.get(f"{API}/scans/{begun.json()['id']}")).json()
        assert (scan["state"], scan["by"], scan["counts"]["match"], scan["recorded"]) == ("complete", "test", 2, True)
        whole = (await client.get(f"{API}/scans/{scan['id']}/report")).json()
        assert [each["id"] for each in whole["findings"]] == ["vol-1", "vol-2"]
        rows = await items(client, "findings", runbook=NAME)
        assert {row["item"]: row["cost_per_month"] for row in rows} == {"vol-1": "8.00", "vol-2": "2.50"}
        [row] = await items(client, "runbooks")
        assert (row["name"], row["standing"], row["cost_per_month"]) == (NAME, 2, "10.50")
        assert row["last_scan"] == scan


async def test_mcp_tells_the_same_as_the_api(there: WebServer, answers: Answers) -> None:
    answers.give(report(found("vol-1"), errors=[failed("eu-west-1")]), exit=3)
    server = build(there.app, {})
    begun = await called(server, "scan_runbook", name=NAME)
    assert begun["by"] == "mcp"
    await ended(there)
    async with program(there, Scope.read) as client:
        assert (await called(server, "get_scan", scan=begun["id"])) == (
            await client.get(f"{API}/scans/{begun['id']}")
        ).json()
        assert (await called(server, "list_runbooks"))["runbooks"] == await items(client, "runbooks")
        assert (await called(server, "list_scans"))["scans"] == await items(client, "scans")
        assert (await called(server, "list_account_findings"))["findings"] == await items(client, "findings")
    assert "no released runbook 'other'" in await refused(server, "scan_runbook", name="other")
    assert "is no value of a scan" in await refused(server, "scan_runbook", name=NAME, regions=["--apply"])


async def test_a_person_alone_marks_a_finding(there: WebServer, answers: Answers) -> None:
    answers.give(report(found("vol-1")))
    await there.parts.executions.scan(NAME, Asked(), "ada")
    word = {"state": "waived", "reason": "needed until the move"}
    async with program(there, Scope.read, Scope.run) as service:
        [row] = await items(service, "findings")
        mark = f"{API}/findings/{row['id']}/mark"
        assert (await service.put(mark, json=word)).json()["reason"] == "scope_missing"
    async with program(there, Scope.decide, Scope.read, account="ada") as client:
        late = await client.put(mark, json={**word, "until": "2020-01-01T00:00:00Z"})
        assert (late.status_code, late.json()["detail"]) == (422, "a waiver that ends in the past waives nothing")
        bad = await client.put(mark, json={"state": "false-positive", "reason": "no", "until": "2030-01-01T00:00:00Z"})
        assert bad.status_code == 422
        assert (await client.put(mark, json=word)).json()["mark_by"] == "ada"
        assert await items(client, "findings") == []
        [waived] = await items(client, "findings", state="waived")
        assert waived["mark_reason"] == "needed until the move"
        assert (await client.delete(mark)).json()["state"] == "new"


async def test_scopes_and_names_are_held(there: WebServer) -> None:
    async with program(there, Scope.read) as client:
        assert (await client.post(f"{API}/runbooks/{NAME}/scans", json={})).status_code == 403
        assert (await client.get(f"{API}/runbooks/other")).status_code == 404
        assert (await client.get(f"{API}/scans/zzzzzz")).status_code == 404
        assert (await client.get(f"{API}/findings/{'0' * 16}")).status_code == 404
    async with program(there, Scope.run) as client:
        for wrong in ({"regions": ["--apply"]}, {"accounts": "x"}, {"params": {"--x": 1}}, {"profile": "root"}):
            assert (await client.post(f"{API}/runbooks/{NAME}/scans", json=wrong)).status_code == 422


async def test_a_person_scans_and_waives_on_the_page(there: WebServer, answers: Answers) -> None:
    answers.give(report(found("vol-<b>1", held_back="it carries the tag keep"), found("vol-2", verdict="warn")))
    async with there.browser("ada") as browser:
        assert "never scanned" in (await browser.client.get("/runbooks")).text
        assert "Nobody has looked yet" in (await browser.client.get(PAGE)).text
        token = (await browser.form(PAGE))["form_token"]
        assert (await browser.client.post(f"{PAGE}/scan", data={"form_token": token})).status_code == 303
        assert "hx-trigger" in (await browser.client.get(PAGE)).text
        await ended(there)
        text = (await browser.client.get(PAGE)).text
        assert "1 finding, $8.00 a month" in text
        assert "vol-&lt;b&gt;1" in text
        assert "A change would leave it alone: it carries the tag keep" in text
        assert "ec2:DeleteVolume" in text
        assert "1 finding, $8.00 a month" in (await browser.client.get("/runbooks")).text
        rows = await there.parts.executions.findings(NAME)
        one = next(each.id for each in rows if each.verdict == "match")
        fields = {"form_token": token, "finding": one, "reason": "needed", "until": "2030-01-31", "state": "waived"}
        assert (await browser.client.post(f"{PAGE}/mark", data=fields)).status_code == 303
        text = (await browser.client.get(PAGE)).text
        assert "ada: needed" in text
        assert "Nothing stands" in text
        back = {"form_token": token, "finding": one, "state": ""}
        assert (await browser.client.post(f"{PAGE}/mark", data=back)).status_code == 303
        assert "ada: needed" not in (await browser.client.get(PAGE)).text
        foreign = await browser.client.post(f"{PAGE}/scan", data={"form_token": "x"})
        assert foreign.status_code == 403


async def test_the_page_tells_what_failed_and_what_was_fixed(there: WebServer, answers: Answers) -> None:
    executions = there.parts.executions
    answers.give(report(found("vol-1")))
    await executions.scan(NAME, Asked(), "ada")
    answers.give(report())
    await executions.scan(NAME, Asked(), "ada")
    answers.give("", exit=4, says=["error: the AWS credentials have expired"])
    await executions.scan(NAME, Asked(), "ada")
    async with there.browser("ada") as browser:
        text = (await browser.client.get(PAGE)).text
        assert "the AWS credentials have expired" in text
        assert "vol-1" not in text
        assert "vol-1" in (await browser.client.get(f"{PAGE}?show=all")).text
        assert (await browser.client.get("/runbooks/other")).status_code == 404
