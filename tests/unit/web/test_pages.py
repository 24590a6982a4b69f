import html
import re
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from phasegate.authors import Report
from phasegate.cli.views import gate_summary
from phasegate.core import PAST, Finding, Severity
from phasegate.ledger import DecisionKind, GateKey, RunStatus
from phasegate.ledger.events import ModelCalled
from phasegate.models import Recording
from phasegate.reports import view_gate
from phasegate.workflow.gates import FRESH
from unit.authors.sample_spec import FOLDER, NOW, SPEC
from unit.web.fixtures import PASSPHRASES, Browser, WebServer, hidden_fields, web_server

BLOCKS = Finding(check="spec-lint", rule="vague", severity=Severity.high, path=f"{FOLDER}/spec.md", message="vague")


async def decided(here: WebServer, key: GateKey) -> str:
    decision = await here.app.ledger.decision(key)
    return f"{decision.statement.kind} by {decision.statement.by}" if decision else ""


async def to_release(here: WebServer, browser: Browser) -> GateKey:
    key = await here.gate()
    for phase in here.app.flow.phase_ids[:-1]:
        answer = await browser.decide(GateKey(key.run, phase, 1), "approve")
        assert answer.status_code == 303, answer.text
        await here.segments.advance(key.run)
    return GateKey(key.run, here.app.flow.phase_ids[-1], 1)


async def test_inbox_says_what_waits(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        assert "Nothing waits for you" in (await ada.client.get("/")).text
        key = await here.gate()
        here.clock.move(NOW + timedelta(hours=3))
        async with here.browser("ada") as later:
            page = (await later.client.get("/")).text
    for words in ("Free volumes", f"/gates/{key}", "3 h", "13 d", "low risk", "no findings", "ada"):
        assert words in page


async def test_gate_shows_what_a_decision_needs(here: WebServer) -> None:
    key = await here.gate()
    gate = await here.app.ledger.gate(key)
    async with here.browser("ada") as ada:
        page = (await ada.client.get(f"/gates/{key}")).text
    assert gate
    for words in (gate.digest, f"{FOLDER}/spec.md", "on to plan", "back to product-owner", "FR-001", "files"):
        assert words in page


async def test_a_gate_whose_spec_cannot_be_read_is_decided_all_the_same(here: WebServer) -> None:
    here.script.files[f"{FOLDER}/spec.md"] = b"\xff\xfe no text"
    key = await here.gate()
    async with here.browser("ada") as ada:
        page = await ada.client.get(f"/gates/{key}")
        assert (page.status_code, "Requirements cannot be shown" in page.text) == (200, True)
        assert (await ada.decide(key, "reject")).status_code == 303
        assert (await ada.client.get(f"/runs/{key.run}")).status_code == 200
    assert await decided(here, key) == "reject by ada"


async def test_approval_is_taken_and_the_run_goes_on(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        answer = await ada.decide(key, "approve")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{key.run}?decided=specify-1")
        assert "You approved" in (await ada.client.get(answer.headers["location"])).text
        assert await decided(here, key) == "approve by ada"
        again = await ada.client.get(f"/gates/{key}")
    assert "<strong>Approved</strong> by ada" in again.text
    assert 'id="decision"' not in again.text


async def test_comments_at_lines_reach_the_author_and_are_answered(here: WebServer) -> None:
    key = await here.gate()
    places = {
        "comment_path": [f"{FOLDER}/spec.md", ""],
        "comment_line": ["3", ""],
        "comment": ["Which teams?", "Shorter."],
    }
    async with here.browser("ada") as ada:
        answer = await ada.decide(key, "request-changes", **places)
        assert answer.status_code == 303, answer.text
        decision = await here.app.ledger.decision(key)
        assert decision
        assert [(c.path, c.line, c.text) for c in decision.statement.comments] == [
            (f"{FOLDER}/spec.md", 3, "Which teams?"),
            ("", 0, "Shorter."),
        ]
        await here.segments.advance(key.run)
        page = (await ada.client.get(f"/gates/{key._replace(attempt=2)}")).text
    assert "Answers to your comments" in page
    assert "Which teams?" in page


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        pytest.param({"decision": "request-changes"}, 422, "comments_missing", id="no comment"),
        pytest.param({"decision": "approve", "digest": "0" * 64}, 409, "stale_digest", id="other bytes"),
        pytest.param({"decision": "waive"}, 422, "nothing_to_waive", id="nothing to waive"),
        pytest.param({"decision": "confirm"}, 422, "invalidinput", id="no such decision"),
        pytest.param({"decision": "APPROVE"}, 422, "invalidinput", id="in capitals"),
        pytest.param({"decision": ""}, 422, "invalidinput", id="none"),
        pytest.param({"decision": "I approve of this"}, 422, "invalidinput", id="prose"),
        pytest.param(
            {"decision": "request-changes", "comment_path": "no/such", "comment_line": "1", "comment": "x"},
            422,
            "usageerror",
            id="comment at no file",
        ),
        pytest.param(
            {"decision": "request-changes", "comment_path": f"{FOLDER}/spec.md", "comment_line": "-1", "comment": "x"},
            422,
            "usageerror",
            id="comment before the first line",
        ),
        pytest.param({"decision": "approve", "token": "1.x.y"}, 409, "token_used", id="forged one-time token"),
    ],
)
async def test_refusal_keeps_the_page_and_decides_nothing(
    fields: dict[str, str], status: int, reason: str, here: WebServer
) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        base = await ada.form(f"/gates/{key}")
        answer = await ada.client.post(f"/gates/{key}/decide", data={**base, **fields})
    assert (answer.status_code, f"<code>{reason}</code>" in answer.text) == (status, True), answer.text[-3000:]
    assert await decided(here, key) == ""


async def test_same_decision_twice_is_one_and_another_is_refused(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        fields = await ada.form(f"/gates/{key}")
        url = f"/gates/{key}/decide"
        answers = [await ada.client.post(url, data={**fields, "decision": "approve"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [303, 303]
        other = await ada.client.post(url, data={**fields, "decision": "reject"})
        assert (other.status_code, "already_decided" in other.text) == (409, True)
    assert await decided(here, key) == "approve by ada"


async def test_who_is_no_manager_reads_and_cannot_decide(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("eve") as eve:
        page = await eve.client.get(f"/gates/{key}")
        assert (page.status_code, "deciding is for ada" in page.text) == (200, True)
        answer = await eve.decide(key, "approve", digest=(await here.parts.gate(*key)).digest)
        assert (answer.status_code, "not_an_approver" in answer.text) == (403, True)
    assert await decided(here, key) == ""


async def test_waiver_needs_owner_reason_and_a_day_to_come(here: WebServer) -> None:
    here.script.reports["spec-lint"] = Report(findings=(BLOCKS,))
    key = await here.gate()
    waiver = {"rule": "spec-lint/vague", "owner": "ada", "reason": "known", "expires": "2027-01-01"}
    async with here.browser("ada") as ada:
        assert (await ada.decide(key, "approve")).status_code == 422
        assert (await ada.decide(key, "waive", **{**waiver, "reason": ""})).status_code == 422
        refused = await ada.decide(key, "waive", **{**waiver, "expires": "2020-01-01"})
        assert (refused.status_code, 'value="known"' in refused.text) == (422, True)
        assert (await ada.decide(key, "waive", **waiver)).status_code == 303
    assert await decided(here, key) == "waive by ada"


async def test_waived_finding_is_shown_at_every_later_gate(here: WebServer) -> None:
    here.script.reports["spec-lint"] = Report(findings=(BLOCKS,))
    key = await here.gate()
    waiver = {"rule": "spec-lint/vague", "owner": "mia", "reason": "known <b>", "expires": "2027-01-01"}
    async with here.browser("ada") as ada:
        assert "Waived at earlier gates" not in (await ada.client.get(f"/gates/{key}")).text
        assert (await ada.decide(key, "waive", **waiver)).status_code == 303
        here.script.reports.clear()
        await here.segments.advance(key.run)
        later = GateKey(key.run, "plan", 1)
        page = (await ada.client.get(f"/gates/{later}")).text
    assert "Waived at earlier gates, and not mended" in page
    assert "known &lt;b&gt;" in page
    view = await view_gate(here.app, await here.parts.gate(*later))
    row = {"gate": "specify/1", "rules": ["spec-lint/vague"], "owner": "mia", "reason": "known <b>"}
    assert view.report().plain()["exemptions"] == [{**row, "expires": "2027-01-01"}]
    told = Console(width=100)
    with told.capture() as captured:
        told.print(gate_summary(view, NOW))
    assert "spec-lint/vague at specify/1, until 2027-01-01; mia: known <b>" in captured.get()


async def test_first_gate_shows_the_whole_spec_and_later_ones_what_changed_since(here: WebServer) -> None:
    key = await here.gate()
    first = (await view_gate(here.app, await here.parts.gate(*key))).report().plain()
    assert first["compared"] == "to approve for the first time, shown whole"
    whole = {change["path"]: [line[1:] for line in change["lines"][3:]] for change in first["changes"]}
    tree = here.app.workspace.tree(first["commit"])
    for path in (f"{FOLDER}/spec.md", f"{FOLDER}/runbook.yaml"):
        assert whole[path] == tree[path].decode().splitlines()
    async with here.browser("ada") as ada:
        page = (await ada.client.get(f"/gates/{key}")).text
        assert "Changes to approve for the first time, shown whole" in page
        assert "State == " in page
        await ada.decide(key, "approve")
        await here.segments.advance(key.run)
    later = (await view_gate(here.app, await here.parts.gate(key.run, "plan", 1))).report().plain()
    assert later["compared"] == "since the last approval"
    assert f"{FOLDER}/spec.md" not in {change["path"] for change in later["changes"]}


async def test_released_spec_is_compared_with_its_release(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        key = await to_release(here, ada)
        assert (await ada.decide(key, "approve", passphrase=PASSPHRASES["ada"])).status_code == 303
        await here.segments.advance(key.run)
    assert (await here.app.ledger.run(key.run)).status is RunStatus.released
    again = await here.gate()
    shown = (await view_gate(here.app, await here.parts.gate(*again))).report().plain()
    assert shown["compared"] == f"since run {key.run} was released"
    assert f"{FOLDER}/runbook.yaml" not in {change["path"] for change in shown["changes"]}


async def test_a_past_gate_is_compared_with_what_was_released_when_it_opened(here: WebServer) -> None:
    runs = []
    async with here.browser("ada") as ada:
        for _ in range(2):
            key = await to_release(here, ada)
            assert (await ada.decide(key, "approve", passphrase=PASSPHRASES["ada"])).status_code == 303
            await here.segments.advance(key.run)
            assert (await here.app.ledger.run(key.run)).status is RunStatus.released
            here.clock.move(here.clock.now() + timedelta(minutes=1))
            runs.append(key.run)
        pages = [(await ada.client.get(f"/gates/{run}/specify/1")).text for run in runs]
    assert "Changes to approve for the first time, shown whole" in pages[0]
    assert f"{FOLDER}/spec.md" in pages[0]
    assert f"Changes since run {runs[0]} was released" in pages[1]
    shown = (await view_gate(here.app, await here.parts.gate(runs[0], "specify", 1))).report().plain()
    added = [line for change in shown["changes"] for line in change["lines"] if line.startswith("+")]
    assert added
    assert not [line for change in shown["changes"] for line in change["lines"][3:] if line.startswith("-")]


async def test_recorded_answers_are_named_on_every_page(tmp_path: Path) -> None:
    def furnish(folder: Path) -> None:
        config = folder / "phasegate.toml"
        config.write_text(config.read_text() + '\n[roles.product-owner]\nmodel = "recorded:answers.jsonl"\n')
        Recording.begin(folder / "answers.jsonl", NOW)

    async with web_server(tmp_path, furnish=furnish) as here, here.browser("ada") as ada:
        for path in ("/", "/runs", "/backlog", "/spend"):
            page = html.unescape((await ada.client.get(path)).text)
            assert '<p class="notice" role="note">The roles\' answers are recorded: no model is called' in page, path


async def test_nothing_is_said_of_recorded_answers_where_none_is(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        assert 'class="notice"' not in (await ada.client.get("/")).text


async def test_what_was_sent_back_before_a_gate_stands_on_its_page(here: WebServer) -> None:
    key = await here.gate()
    faults = ("line 3: no <b>such</b> name", "line 4: unknown")
    of = {"phase": "specify", "attempt": 1, "round": 1, "role": "product-owner", "call": "spec", "usd": "0"}
    async with here.browser("ada") as ada:
        assert "Sent back before this gate" not in (await ada.client.get(f"/gates/{key}")).text
        await here.app.ledger.record(key.run, ModelCalled.model_validate({**of, "sent_back": faults}))
        page = (await ada.client.get(f"/gates/{key}")).text
    assert 'Sent back before this gate <span class="number">2</span>' in page
    found = re.search(r'<section aria-labelledby="h-rework">(.*?)</section>', page, re.DOTALL)
    assert found
    rows = [" ".join(re.sub("<[^>]+>", "", row).split()) for row in re.findall("<li>(.*?)</li>", found[1], re.DOTALL)]
    assert [html.unescape(row) for row in rows] == [
        "round 1, Lint to Product owner: line 3: no <b>such</b> name",
        "round 1, Lint to Product owner: line 4: unknown",
    ]


async def test_unknown_address_is_named_on_its_page(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        page = await ada.client.get("/no/such/page")
    assert (page.status_code, "there is no page &#39;/no/such/page&#39;" in page.text) == (404, True)


async def test_release_asks_who_you_are_at_that_moment(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        key = await to_release(here, ada)
        here.clock.move(NOW + FRESH + timedelta(seconds=1))
        url, fields = f"/gates/{key}/decide", {**await ada.form(f"/gates/{key}"), "decision": "approve"}
        bare = await ada.client.post(url, data={**fields, "passphrase": ""})
        assert (bare.status_code, "reauthentication_required" in bare.text) == (403, True)
        wrong = await ada.client.post(url, data={**fields, "passphrase": "wrong"})
        assert (wrong.status_code, "wrong_passphrase" in wrong.text) == (403, True)
        assert await decided(here, key) == ""
        right = await ada.client.post(url, data={**fields, "passphrase": "correct horse battery"})
        assert right.status_code == 303, right.text
    assert await decided(here, key) == "approve by ada"


async def test_another_person_s_passphrase_proves_nothing(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        key = await to_release(here, ada)
        here.clock.move(NOW + FRESH + timedelta(seconds=1))
        answer = await ada.decide(key, "approve", passphrase="not a manager here")
    assert (answer.status_code, await decided(here, key)) == (403, "")


async def test_sign_in_goes_on_to_where_one_was_and_nowhere_else(here: WebServer) -> None:
    async with here.browser() as nobody:
        asked = await nobody.client.get("/runs")
        assert (asked.status_code, hidden_fields(asked.text)["to"]) == (401, "/runs")
        assert (await nobody.sign_in("ada", to="/runs")).headers["location"] == "/runs"
    for foreign in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\n//x"):
        async with here.browser() as other:
            assert (await other.sign_in("ada", to=foreign)).headers["location"] == "/"


async def test_cookie_is_kept_from_scripts_and_other_sites(here: WebServer) -> None:
    async with here.browser() as ada:
        cookie = (await ada.sign_in("ada")).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie


async def test_new_sign_in_is_a_new_session(here: WebServer) -> None:
    async with here.browser("ada") as ada:
        first = ada.client.cookies["phasegate"]
        await ada.sign_in("ada")
        assert ada.client.cookies["phasegate"] != first
        ada.client.cookies.set("phasegate", first)
        assert (await ada.client.get("/")).status_code == 401


async def test_signed_out_everywhere(here: WebServer) -> None:
    async with here.browser("ada") as here_, here.browser("ada") as there:
        token = (await here_.form("/"))["form_token"]
        assert (await here_.client.post("/sign-out", data={"form_token": token, "everywhere": "1"})).status_code == 303
        assert (await there.client.get("/")).status_code == 401


async def test_backlog_is_ranked_and_begun(here: WebServer) -> None:
    for name in ("002-b", "003-c"):
        folder = here.app.folder.path / "specs" / name
        folder.mkdir()
        (folder / "spec.md").write_text(SPEC.replace("Free volumes", name))
    async with here.browser("ada") as ada:
        token = (await ada.form("/backlog"))["form_token"]

        async def order() -> list[str]:
            page = (await ada.client.get("/backlog")).text
            return [part.partition('"')[0] for part in page.split('data-spec="')[1:]]

        assert await order() == [FOLDER, "specs/002-b", "specs/003-c"]
        await ada.client.post("/backlog/move", data={"form_token": token, "spec": "specs/003-c", "to": "up"})
        assert await order() == [FOLDER, "specs/003-c", "specs/002-b"]
        wish = {"form_token": token, "spec": ["specs/002-b", FOLDER]}
        await ada.client.post("/backlog/order", data=wish)
        assert await order() == ["specs/002-b", FOLDER, "specs/003-c"]
        for spec in ("../../etc", "specs/009-none", ""):
            answer = await ada.client.post("/backlog/start", data={"form_token": token, "spec": spec})
            assert answer.status_code == 422
        refused = await ada.client.post("/backlog/start", data={"form_token": token, "spec": "specs/002-b"})
        assert (refused.status_code, "no runbook.yaml" in refused.text) == (422, True)
        begun = await ada.client.post("/backlog/start", data={"form_token": token, "spec": FOLDER})
        assert begun.status_code == 303, begun.text
        assert FOLDER not in await order()
        assert (await ada.client.get(begun.headers["location"])).status_code == 200


async def test_record_says_who_decided_what_on_a_day(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        await ada.decide(key, "reject")
        assert "rejected" in (await ada.client.get("/record?by=ada&on=2026-11-18")).text
        assert "decided nothing" in (await ada.client.get("/record?by=ada&on=2026-11-19")).text
        assert (await ada.client.get("/record?on=yesterday")).status_code == 422
        assert (await ada.client.get("/record?by=nobody")).status_code == 422


async def test_run_page_draws_the_way_and_streams_it(here: WebServer) -> None:
    key = await here.gate()
    async with here.browser("ada") as ada:
        await ada.decide(key, "reject")
        await here.segments.advance(key.run)
        page = (await ada.client.get(f"/runs/{key.run}")).text
        assert "<svg viewBox" in page
        assert "What and why: rejected, rejected by ada" in page
        stream = await ada.client.get(f"/runs/{key.run}/live")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text.startswith("event: progress\n")
    assert stream.text.endswith("event: ended\ndata: \n\n")


@pytest.mark.parametrize(
    "path",
    [
        "/runs/none",
        "/gates/none/specify/1",
        "/gates/{run}/nophase/1",
        "/gates/{run}/specify/9",
        "/gates/{run}/specify/x",
        "/gates/{run}/specify/99999999999999999999",
        "/gates/{run}/specify/-1",
        "/static/none",
        "/static/..%2fserver.py",
        "/runs/{run}%00",
        "/none",
        "/?start=-1",
    ],
)
async def test_what_is_not_there_is_said_plainly(path: str, here: WebServer) -> None:
    run = await here.start()
    async with here.browser("ada") as ada:
        answer = await ada.client.get(path.format(run=run))
    assert answer.status_code in (404, 422), answer.text
    assert "<h1>" in answer.text


async def test_run_is_named_in_full(here: WebServer) -> None:
    run = await here.start()
    async with here.browser("ada") as ada:
        assert (await ada.client.get(f"/runs/{run[:3]}")).status_code == 404


def test_gates_have_a_decision_for_each_kind() -> None:
    assert set(PAST) == {kind.value for kind in DecisionKind}
