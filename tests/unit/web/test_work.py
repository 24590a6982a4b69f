"""Orders to assistants by the REST API and on the page: the rules of MCP, and a token that decides nothing."""

import asyncio
from typing import Any

import pytest

from phasegate.authors.assistant import MOST_CHARACTERS, Order, WorkItems
from phasegate.core import UsageError
from phasegate.identity import Scope
from unit.authors.sample_spec import FOLDER
from unit.authors.test_model import written
from unit.web.fixtures import HOST, WebServer
from unit.web.test_api import program

API = f"http://{HOST}/api/v1"
TOLD = "You are the Product owner. \u202eevorppa <script>alert(1)</script>"


async def ordered(here: WebServer, task: Any = "draft") -> str:
    """Order a spec of an assistant."""
    run, items = await here.start(), WorkItems(database=here.app.database)
    order = Order(
        run=run, key="specify/1/1/spec", role="product-owner", task=task, instructions=TOLD, outputs=(f"{FOLDER}/*",)
    )
    await items.answer(order)
    return next(item.id for item in await items.listed(run=run))


async def test_a_program_takes_an_order_and_hands_it_in(here: WebServer) -> None:
    item = await ordered(here)
    async with program(here, Scope.work) as client:
        [listed] = (await client.get(f"{API}/work", params={"role": "product-owner"})).json()["items"]
        assert (listed["item"], listed["phase"], listed["rounds"], listed["holder"]) == (item, "specify", 0, "")
        assert (await client.get(f"{API}/work", params={"role": "qa-specialist"})).json()["items"] == []
        taken = (await client.post(f"{API}/work/{item}/take")).json()
        assert taken["instructions"] == TOLD
        assert taken["schema"]["required"] == ["files"]
        assert taken["holder"] == "api:test"
        held = {"lease": taken["lease"]}
        assert (await client.post(f"{API}/work/{item}/renew", json=held)).json()["holder"] == "api:test"
        before = (await here.app.ledger.run(listed["run"])).segments
        for _ in range(2):  # a program that lost the answer asks again
            done = await client.post(f"{API}/work/{item}/hand-in", json={**held, "answer": written()})
            assert done.status_code == 200, done.text
        assert (await client.get(f"{API}/work")).json()["items"] == []
        again = await client.post(f"{API}/work/{item}/hand-in", json={**held, "answer": written(spec="# Other")})
        assert (again.status_code, again.json()["reason"]) == (409, "work_handed_in")
    assert (await here.app.ledger.run(listed["run"])).segments == before + 1


async def test_of_two_programs_one_has_the_order_until_it_gives_it_back(here: WebServer) -> None:
    item = await ordered(here)
    async with program(here, Scope.work) as client:
        both = await asyncio.gather(*(client.post(f"{API}/work/{item}/take") for _ in range(2)))
        assert sorted(answer.status_code for answer in both) == [200, 409]
        [lost] = [answer.json() for answer in both if answer.status_code == 409]
        assert (lost["reason"], lost["fix"]) == ("work_taken", "take another one, or wait")
        [won] = [answer.json() for answer in both if answer.status_code == 200]
        theirs = await client.post(f"{API}/work/{item}/hand-in", json={"lease": "x" * 32, "answer": written()})
        assert (theirs.status_code, theirs.json()["reason"]) == (409, "work_not_held")
        given = await client.post(f"{API}/work/{item}/give-back", json={"lease": won["lease"]})
        assert given.json() == {"note": "the order waits again"}
        assert (await client.post(f"{API}/work/{item}/take")).status_code == 200


async def test_an_answer_is_held_to_shape_paths_and_length(here: WebServer) -> None:
    item = await ordered(here)
    stray = {"files": [{"path": "phasegate.toml", "text": "x"}]}
    long = {"files": [{"path": f"{FOLDER}/{name}.md", "text": "x" * 399_000} for name in "ab"], "answers": []}
    assert MOST_CHARACTERS > 2 * 399_000
    async with program(here, Scope.work) as client:
        held = {"lease": (await client.post(f"{API}/work/{item}/take")).json()["lease"]}
        for answer, told in ((stray, "may not be written here"), ({"decision": "approve"}, "decision: Extra inputs")):
            refused = await client.post(f"{API}/work/{item}/hand-in", json={**held, "answer": answer})
            assert refused.status_code == 422
            assert told in refused.json()["detail"]
        odd = await client.post(f"{API}/work/{item}/hand-in", json={**held, "answer": [], "by": "ada"})
        assert (odd.status_code, odd.json()["reason"]) == (422, "invalid_request")
        huge = await client.post(f"{API}/work/{item}/hand-in", json={**held, "answer": {"files": ["x" * 2_000_000]}})
        assert (huge.status_code, huge.json()["reason"]) == (413, "too_large")
        fits = await client.post(f"{API}/work/{item}/hand-in", json={**held, "answer": long})
        assert fits.status_code == 200, fits.text
        gone = await client.post(f"{API}/work/{'0' * 16}/take")
        assert (gone.status_code, gone.json()["reason"], gone.json()["fix"]) == (
            409,
            "work_gone",
            "list the items that wait",
        )


async def test_an_assistant_s_token_works_and_does_nothing_else(here: WebServer) -> None:
    item = await ordered(here)
    key = await here.gate()
    async with program(here, Scope.work) as client:
        others = [
            await client.get(f"{API}/runs"),
            await client.get(f"{API}/work/{item}"),  # the text of an order that it did not take
            await client.post(f"{API}/runs", json={"spec": FOLDER}),
            await client.post(f"{API}/gates/{key}/statement", json={"decision": "approve", "digest": ""}),
        ]
    assert [answer.json()["reason"] for answer in others] == ["scope_missing"] * 4
    async with program(here, Scope.read) as client:
        assert (await client.get(f"{API}/work/{item}")).json()["instructions"] == TOLD
        assert (await client.post(f"{API}/work/{item}/take")).json()["reason"] == "scope_missing"
    with pytest.raises(UsageError, match="an assistant's token cannot carry 'decide'"):
        async with program(here, Scope.work, Scope.decide, account="ada"):
            pass


async def test_a_page_in_a_browser_takes_nothing(here: WebServer) -> None:
    item = await ordered(here)
    async with here.browser("ada") as ada:
        assert (await ada.client.post(f"/api/v1/work/{item}/take")).status_code == 401  # a cookie counts for nothing
    async with program(here, Scope.work) as client:
        foreign = await client.post(f"{API}/work/{item}/take", headers={"origin": "https://evil.example"})
        assert foreign.json()["reason"] == "foreign_origin"


async def test_the_page_lists_orders_and_shows_their_text(here: WebServer) -> None:
    item = await ordered(here)
    async with here.browser("ada") as ada:
        free = (await ada.client.get("/work")).text
        await WorkItems(database=here.app.database).claim(item, "mcp:ide")
        held, text = (await ada.client.get("/work")).text, (await ada.client.get(f"/work/{item}")).text
        gone = await ada.client.get(f"/work/{'0' * 16}")
    assert "1 order waits for an assistant" in free
    assert "Nobody holds it." in free
    assert "&#34;--repository&#34;" in free
    assert "mcp:ide holds it until" in held
    assert "&lt;script&gt;" in text
    assert "&lt;U+202E&gt;" in text
    assert gone.status_code == 404


async def test_the_page_says_how_a_role_becomes_an_assistant_s(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        assert "No role is worked as by an assistant" in (await ada.client.get("/work")).text
    async with here.browser() as stranger:
        assert (await stranger.client.get("/work")).status_code == 401
