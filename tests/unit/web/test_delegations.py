"""The page on which managers have each other decide for a while."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from phasegate.ledger import Delegation
from phasegate.reports import standing
from phasegate.workflow.gates import FRESH
from unit.authors.sample_spec import NOW
from unit.web.fixtures import WebServer, web_server

PAGE = "/delegations"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[WebServer]:
    async with web_server(tmp_path, managers=("ada", "amy")) as made:
        yield made


async def test_what_is_given_is_shown_to_both_and_to_nobody_else(here: WebServer) -> None:
    async with here.browser("ada") as ada, here.browser("amy") as amy, here.browser("eve") as eve:
        assert "Nobody; you decide for yourself" in (await ada.client.get(PAGE)).text
        answer = await ada.delegates("amy", **{"from": "2026-11-20"}, until="2026-11-30", gate=["plan", "build"])
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
        words = "at plan, build · 20 Nov 2026, 00:00 UTC until 30 Nov 2026, 23:59 UTC"
        hers, theirs = (await ada.client.get(PAGE)).text, (await amy.client.get(PAGE)).text
        assert (words in hers, "begins in 1 d" in hers, "<button>End" in hers) == (True, True, True)
        assert (words in theirs, "<button>End" in theirs) == (True, False)
        assert "ada decides" not in theirs
        assert words not in (await eve.client.get(PAGE)).text
    (given,) = await standing(here.app)
    begins = datetime(2026, 11, 20, tzinfo=UTC)
    ends = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    assert given == Delegation(by="ada", to="amy", begins=begins, ends=ends, gates=("plan", "build"))


async def test_it_begins_at_once_where_no_day_is_given(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        await ada.delegates("amy", until="2026-11-18")
        assert (
            "at every gate · 18 Nov 2026, 20:10 UTC until 18 Nov 2026, 23:59 UTC" in (await ada.client.get(PAGE)).text
        )


async def test_what_was_given_is_ended_by_who_gave_it(here: WebServer) -> None:
    async with here.browser("ada") as ada, here.browser("amy") as amy:
        await ada.delegates("amy", until="2026-11-30")
        await ada.delegates("amy", until="2026-12-30", gate="plan")
        assert "End all 2" in (await ada.client.get(PAGE)).text
        fields = {"form_token": (await amy.form(PAGE))["form_token"], "passphrase": amy.passphrase, "to": "amy"}
        refused = await amy.client.post(f"{PAGE}/end", data=fields)
        assert (refused.status_code, "<code>nothing_to_end</code>" in refused.text) == (409, True)
        assert len(await standing(here.app)) == 2
        ended = await ada.client.post(f"{PAGE}/end", data=await ada.form(PAGE))
        assert (ended.status_code, await standing(here.app)) == (303, [])


async def test_what_is_over_is_not_shown(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        await ada.delegates("amy", until="2026-11-19")
    here.clock.move(NOW + timedelta(days=2))
    async with here.browser("ada") as ada:
        assert "Nobody; you decide for yourself" in (await ada.client.get(PAGE)).text
    assert await standing(here.app) == []


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        pytest.param({"to": ""}, 422, "invalidinput", id="to nobody"),
        pytest.param({"to": "ada"}, 422, "unknown_delegate", id="to herself"),
        pytest.param({"to": "eve"}, 422, "unknown_delegate", id="to one who is no manager"),
        pytest.param({"until": ""}, 422, "invalidinput", id="without an end"),
        pytest.param({"until": "tomorrow"}, 422, "invalidinput", id="no day"),
        pytest.param({"until": "2026-11-17"}, 422, "empty_window", id="until yesterday"),
        pytest.param({"from": "2026-12-02"}, 422, "empty_window", id="back to front"),
        pytest.param({"gate": ["plan", "plna"]}, 404, "unknown_gate", id="at a gate that is not there"),
        pytest.param({"passphrase": "wrong"}, 403, "wrong_passphrase", id="with a wrong passphrase"),
    ],
)
async def test_a_refusal_says_what_to_do_and_keeps_what_was_filled_in(
    fields: dict[str, str], status: int, reason: str, here: WebServer
) -> None:
    async with here.browser("ada") as ada:
        answer = await ada.delegates(**{"to": "amy", "until": "2026-12-01", "gate": "plan", **fields})
    assert (answer.status_code, f"<code>{reason}</code>" in answer.text) == (status, True), answer.text[-3000:]
    assert ('value="2026-12-01"' in answer.text) == ("until" not in fields)
    assert "wrong" not in answer.text.replace("wrong_passphrase", "")
    assert await standing(here.app) == []


@pytest.mark.parametrize("gate", ["", "plan", "release"])
async def test_nothing_is_delegated_without_the_passphrase(here: WebServer, gate: str) -> None:
    async with here.browser("ada") as ada:
        refused = await ada.delegates("amy", until="2026-11-30", gate=gate or [], passphrase="")
        assert (refused.status_code, "reauthentication_required" in refused.text) == (403, True)
        assert await standing(here.app) == []
        here.clock.move(NOW + FRESH + timedelta(seconds=1))
        given = await ada.delegates("amy", until="2026-11-30", gate=gate or [])
        assert given.status_code == 303, given.text
    assert [one.gates for one in await standing(here.app)] == [(gate,) if gate else ()]


async def test_who_is_no_manager_has_nothing_to_delegate(here: WebServer) -> None:
    async with here.browser("eve") as eve:
        page = await eve.client.get(PAGE)
        assert (page.status_code, "no manager of this repository" in page.text) == (200, True)
        refused = await eve.delegates("ada", until="2026-11-30")
        assert (refused.status_code, "bad_signature" in refused.text) == (403, True)
    assert await standing(here.app) == []


async def test_one_manager_alone_is_told_how_to_add_another(tmp_path: Path) -> None:
    async with web_server(tmp_path) as here, here.browser("ada") as ada:
        assert "phasegate manager init --name NAME" in (await ada.client.get(PAGE)).text
