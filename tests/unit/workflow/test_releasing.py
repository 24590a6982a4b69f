"""Runs side by side: one release after another, each on top of those before it, and nothing asked twice in vain."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phasegate.authors import Report, Subject
from phasegate.core import Parked, PhasegateError, Refused
from phasegate.ledger import DecisionKind, GateKey, GateStatus, Ledger, RunStatus
from phasegate.ledger.events import CheckReported, GateVoided
from phasegate.store.sqlite import SqliteStore
from phasegate.workflow.engine.release_line import Line
from phasegate.workspace import Signature
from unit.workflow.fixtures import NOW, Engine, engine
from unit.workflow.releasers import Releasing, approve, pyproject, to_release, version_in

ADA = Signature("ada", "ada@example.org")


def person(d: Engine, files: Mapping[str, bytes | None], *, onto: str = "", also: str = "") -> str:
    """A commit of a person on the branch that is checked out."""
    head = onto or d.workspace.head()
    commit = d.workspace.commit([head, *([also] if also else [])], files, author=ADA, when=NOW, message="by hand")
    d.workspace.point("main", commit)
    return commit


async def reasons(d: Engine, run: str) -> list[str]:
    return [event.reason for event in await d.ledger.events_of(run, GateVoided)]


async def findings(d: Engine, run: str) -> list[str]:
    events = await d.ledger.events_of(run, CheckReported)
    return [finding.rule for event in events if event.check == "release-line" for finding in event.findings]


async def test_what_a_policy_passes_is_released_one_after_another(tmp_path: Path) -> None:
    house = Releasing(tmp_path)
    async with engine(house.team) as d:
        for run in ("a", "b", "c"):
            await house.start(d, run, "demo")
        for run in ("a", "b", "c"):
            assert await d.segments.advance(run) is RunStatus.released
    assert house.index.order == ["0.1.0", "0.2.0", "0.3.0"]
    assert {path for path in house.index.held["0.3.0"] if path.startswith("src/")} == {
        f"src/acme/{run}.py" for run in "abc"
    }
    assert house.index.held["0.3.0"]["CHANGELOG.md"] == b"0.1.0: a\n0.2.0: b\n0.3.0: c\n"


async def test_a_release_that_comes_first_has_the_others_asked_for_their_release_alone(tmp_path: Path) -> None:
    house = Releasing(tmp_path)
    async with engine(house.team) as d:
        for run in ("a", "b"):
            await to_release(d, await house.start(d, run))
        assert await approve(d, "a") == "release/1"
        assert await d.segments.advance("a") is RunStatus.released

        assert [gate.status for gate in await d.ledger.gates("b")] == [GateStatus.decided, GateStatus.void]
        assert await reasons(d, "b") == ["release 0.1.0 came first"]
        assert (await d.ledger.run("b")).status is RunStatus.working
        assert await d.segments.advance("b") is RunStatus.waiting

        gate = await d.open_gate()
        assert gate.key == GateKey("b", "release", 2)
        shown = [path for path, _ in d.workspace.difference(gate.since, gate.commit)]
        assert shown == ["CHANGELOG.md", "pyproject.toml"]
        assert await approve(d, "b") == "release/2"
        assert await d.segments.advance("b") is RunStatus.released
    assert house.index.order == ["0.1.0", "0.2.0"]
    assert {"src/acme/a.py", "src/acme/b.py"} < set(house.index.held["0.2.0"])


async def test_an_approval_that_another_release_overtakes_is_void(tmp_path: Path) -> None:
    house = Releasing(tmp_path)
    async with engine(house.team) as d:
        for run in ("a", "b"):
            await to_release(d, await house.start(d, run))
            await approve(d, run)
        assert await d.segments.advance("b") is RunStatus.released
        assert await d.segments.advance("a") is RunStatus.waiting
        assert await reasons(d, "a") == ["release 0.1.0 came first"]
        assert await approve(d, "a") == "release/2"
        assert await d.segments.advance("a") is RunStatus.released
    assert house.index.order == ["0.1.0", "0.2.0"]


async def test_whoever_comes_while_another_releases_waits_without_a_worker_and_is_sent_on(tmp_path: Path) -> None:
    house = Releasing(tmp_path)
    async with engine(house.team) as d:
        for run in ("a", "b"):
            await house.start(d, run, "demo")
        assert await d.ledger.claim_turn("a") == "a"
        assert await d.segments.advance("b") is RunStatus.waiting
        waiting = await d.ledger.run("b")
        assert waiting.note.startswith("it waits for its turn to release: run 'a' is at it")
        assert await d.segments.advance("b") is RunStatus.waiting  # sent on by hand: it is still not its turn

        assert await d.segments.advance("a") is RunStatus.released
        sent = await d.ledger.run("b")
        assert (sent.status, sent.note, sent.segments) == (RunStatus.working, "", waiting.segments + 1)
        assert await d.segments.advance("b") is RunStatus.released
    assert house.index.order == ["0.1.0", "0.2.0"]


@pytest.mark.parametrize("how", ["parked", "rejected", "asked"])
async def test_a_run_that_stands_holds_nobody_up(tmp_path: Path, how: str) -> None:
    house = Releasing(tmp_path)
    async with engine(house.team) as d:
        for run in ("a", "b"):
            await to_release(d, await house.start(d, run))
        await d.ledger.claim_turn("a")
        if how == "parked":
            await d.ledger.set_status("a", RunStatus.parked, "the disk is full")
        elif how == "rejected":
            await approve(d, "a", DecisionKind.reject)
            await d.segments.advance("a")
        assert await approve(d, "b") == "release/1"
        assert await d.segments.advance("b") is RunStatus.released
    assert house.index.order == ["0.1.0"]


@pytest.mark.parametrize("reason", ["index_conflict", "not_as_approved"])
async def test_what_can_never_be_published_is_proposed_anew(tmp_path: Path, reason: str) -> None:
    house = Releasing(tmp_path)
    async with engine(house.team) as d:
        await to_release(d, await house.start(d, "a"))
        await approve(d, "a")
        if reason == "index_conflict":
            house.index.held["0.1.0"] = {"by": b"somebody else"}
        else:
            house.index.failures["a"] = Refused("it is built otherwise now", reason=reason)
        assert await d.segments.advance("a") is RunStatus.waiting
        assert await approve(d, "a") == "release/2"
        assert await d.segments.advance("a") is RunStatus.released
        passed = [str(gate.key) for gate in await d.ledger.gates("a", GateStatus.decided)]
    assert passed == ["a/build/1", "a/release/2"]
    assert house.index.order == ["0.2.0" if reason == "index_conflict" else "0.1.0"]


async def test_a_run_that_failed_to_publish_goes_on_behind_those_that_did_meanwhile(tmp_path: Path) -> None:
    house = Releasing(tmp_path)
    house.index.failures["a"] = PhasegateError("the disk is full")
    async with engine(house.team) as d:
        await house.start(d, "a", "demo")
        await house.start(d, "b", "demo")
        with pytest.raises(PhasegateError, match="full"):
            await d.segments.advance("a")
        await d.ledger.set_status("a", RunStatus.parked, "the disk is full")
        assert await d.segments.advance("b") is RunStatus.released
        assert await d.segments.advance("a") is RunStatus.released
    assert house.index.order == ["0.1.0", "0.2.0"]


async def test_a_run_that_an_earlier_phasegate_parked_is_proposed_anew(tmp_path: Path) -> None:
    """Before, releases had no names, and nobody looked what came first: the second one met a conflict for ever."""
    house = Releasing(tmp_path)
    house.index.failures["b"] = PhasegateError("the index holds 0.1.0 with other bytes")
    async with engine(house.team) as d:
        await to_release(d, await house.start(d, "b"))
        await approve(d, "b")
        with pytest.raises(PhasegateError):
            await d.segments.advance("b")
        await d.ledger.set_status("b", RunStatus.parked, "index_conflict")
        await house.start(d, "a", "demo")
        assert await d.segments.advance("a") is RunStatus.released
        (tmp_path / ".git/refs/phasegate/released/0.1.0").unlink()
        line = Line(workspace=d.workspace, ledger=d.ledger)
        await line.remember()
        assert line.versions == {"0.1.0"}

        assert await d.segments.advance("b") is RunStatus.waiting
        assert await approve(d, "b") == "release/2"
        assert await d.segments.advance("b") is RunStatus.released
    assert house.index.order == ["0.1.0", "0.2.0"]


async def test_what_a_person_released_by_hand_comes_first_and_is_shown_whole(tmp_path: Path) -> None:
    house = Releasing(tmp_path)
    async with engine(house.team) as d:
        await to_release(d, await house.start(d, "a"))
        await approve(d, "a")
        person(d, {"pyproject.toml": pyproject("0.7.0"), "src/acme/by_hand.py": b"x = 1\n"})
        assert await d.segments.advance("a") is RunStatus.waiting
        assert await reasons(d, "a") == ["version 0.7.0 of the branch came first"]
        gate = await d.open_gate()
        assert "src/acme/by_hand.py" in [path for path, _ in d.workspace.difference(gate.since, gate.commit)]
        await approve(d, "a")
        assert await d.segments.advance("a") is RunStatus.released
    assert house.index.order == ["0.8.0"]
    assert "src/acme/by_hand.py" in house.index.held["0.8.0"]


async def test_what_neither_owns_is_settled_by_a_person_and_the_run_goes_on(tmp_path: Path) -> None:
    house = Releasing(tmp_path)
    async with engine(house.team) as d:
        for run in ("a", "b"):
            first = d.workspace.head() if run == "a" else ""
            person(d, {"README.md": run.encode()}, onto=d.workspace.head() if run == "a" else "")
            await to_release(d, await house.start(d, run))
            if first:
                d.workspace.point("main", first)  # history was rewritten between the two
        await approve(d, "a")
        assert await d.segments.advance("a") is RunStatus.released
        with pytest.raises(Parked, match=r"release 0\.1\.0 and run 'b' both changed README\.md") as parked:
            await d.segments.advance("b")
        released = d.workspace.marked("released/0.1.0") or ""
        assert f"git merge {released[:12]}" in parked.value.fix
        await d.ledger.set_status("b", RunStatus.parked, str(parked.value))

        person(d, {"README.md": b"a and b"}, also=released)  # as the line says
        assert await d.segments.advance("b") is RunStatus.waiting
        await approve(d, "b")
        assert await d.segments.advance("b") is RunStatus.released
    assert house.index.held["0.2.0"]["README.md"] == b"a and b"


async def test_the_same_spec_again_says_that_nothing_changed(tmp_path: Path) -> None:
    house = Releasing(tmp_path)
    house.facing.specs = {"a": "specs/001-one", "b": "specs/001-one"}
    async with engine(house.team) as d:
        for run in ("a", "b"):
            await to_release(d, await house.start(d, run))
        await approve(d, "a")
        assert await d.segments.advance("a") is RunStatus.released
        assert await d.segments.advance("b") is RunStatus.waiting
        assert await findings(d, "b") == ["nothing-new"]
        await approve(d, "b")
        assert await d.segments.advance("b") is RunStatus.released
    assert house.index.order == ["0.1.0", "0.2.0"]


@pytest.mark.parametrize("first", ["old", "new"])
async def test_an_older_state_of_a_spec_does_not_pass_unseen_over_a_newer_one(tmp_path: Path, first: str) -> None:
    house = Releasing(tmp_path)
    house.facing.specs = {"old": "specs/001-one", "new": "specs/001-one"}
    house.facing.texts = {"old": "as it was", "new": "as it is"}
    second = {"old": "new", "new": "old"}[first]
    async with engine(house.team) as d:
        for run in ("old", "new"):
            await to_release(d, await house.start(d, run))
        await approve(d, first)
        assert await d.segments.advance(first) is RunStatus.released
        assert await d.segments.advance(second) is RunStatus.waiting
        if second == "old":
            assert set(await findings(d, "old")) == {"older-spec"}
            with pytest.raises(Refused, match="blocking"):
                await approve(d, "old")
        else:
            assert await findings(d, "new") == ["replaced"]
            await approve(d, "new")
            assert await d.segments.advance("new") is RunStatus.released
            assert house.index.held["0.2.0"]["src/acme/one.py"] == b"as it is"


@pytest.mark.parametrize("edited", [False, True])
async def test_release_is_told_what_passed_before_from_a_chain_that_holds(tmp_path: Path, edited: bool) -> None:
    """Where the chain does not hold, nothing is told, and the run does not go on."""
    house, seen = Releasing(tmp_path), []

    async def content(subject: Subject) -> Report:
        seen.append((subject.phase, dict(subject.passed)))
        return Report(evidence="3 of 3", inputs="of the code")

    house.team.checks = {"content": content}
    async with engine(house.team) as d:
        run = await house.start(d, "a")
        await d.segments.advance(run)
        await approve(d, run)
        if edited:
            with closing(sqlite3.connect(house.team.database)) as database, database:
                database.execute("update events set body = replace(body, '3 of 3', '4 of 4') where key like 'check:%'")
            with pytest.raises(Refused, match="does not hold"):
                await d.segments.advance(run)
        else:
            await d.segments.advance(run)
    assert seen == [("build", {}), *([] if edited else [("release", {"of the code": "3 of 3"})])]


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(0, 4), max_size=40), policies=st.lists(st.booleans(), min_size=5, max_size=5))
async def test_in_any_order_each_release_holds_all_before_it(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], policies: list[bool]
) -> None:
    house = Releasing(tmp_path_factory.mktemp("house"))
    runs = [f"r{number}" for number in range(len(policies))]
    async with engine(house.team) as d:
        for run, policy in zip(runs, policies, strict=True):
            await house.start(d, run, "demo" if policy else "")
        for step in [*steps, *list(range(5)) * 30]:
            run = runs[step]
            if await d.ledger.gates(run, GateStatus.open):
                await approve(d, run)
            else:
                await d.segments.advance(run)
        assert {run.status for run in await d.ledger.runs()} == {RunStatus.released}
    assert house.index.order == [f"0.{number}.0" for number in range(1, 6)]
    so_far: set[str] = set()
    for version in house.index.order:
        held = house.index.held[version]
        assert version_in(held) == version
        assert so_far < set(held)
        so_far = set(held)


async def test_segments_of_several_runs_at_once_release_each_version_once(tmp_path: Path) -> None:
    house = Releasing(tmp_path)
    async with engine(house.team) as d, engine(house.team) as e:
        runs = [await house.start(d, f"r{number}", "demo") for number in range(4)]

        async def until_released(each: Engine, run: str) -> None:
            for _ in range(2000):
                if await each.segments.advance(run) is RunStatus.released:
                    return
                await asyncio.sleep(0.01)

        await asyncio.gather(*(until_released((d, e)[n % 2], run) for n, run in enumerate(runs)))
    assert house.index.order == ["0.1.0", "0.2.0", "0.3.0", "0.4.0"]
    assert len({path for path in house.index.held["0.4.0"] if path.startswith("src/")}) == 4


async def test_a_turn_that_came_unseen_is_seen_by_whoever_comes_next(tmp_path: Path) -> None:
    """As where a process that has no queue parked the run before it."""
    house = Releasing(tmp_path)
    async with engine(house.team) as d:
        for run in ("a", "b", "c"):
            await house.start(d, run, "demo")
        await d.ledger.claim_turn("a")
        assert await d.segments.advance("b") is RunStatus.waiting
        database = await SqliteStore(house.team.database).open()
        await Ledger(database, house.clock, house.team.system).set_status("a", RunStatus.parked)
        await database.close()
        assert (await d.ledger.run("b")).status is RunStatus.waiting
        assert await d.segments.advance("c") is RunStatus.waiting
        assert (await d.ledger.run("b")).status is RunStatus.working
