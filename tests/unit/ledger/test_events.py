import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.core import Finding, Refused, Severity, canonical
from phasegate.ledger import EVENT, Entry, Event, PrivateKey, pae
from phasegate.ledger.chain import append, read
from phasegate.ledger.events import (
    AllowanceRaised,
    CheckReported,
    ClickRefused,
    CommitsSetAside,
    DecisionRevoked,
    DeliveryNoted,
    Escalated,
    GateVoided,
    MergedRelease,
    ModelCalled,
    Observed,
    PolicyRefused,
    ReleasesMerged,
    Reminded,
    ReviewReported,
    RunEnded,
    RunParked,
    RunStarted,
    Terms,
    TicketChange,
    TicketChanged,
    ToolCalled,
    ToolRequested,
    WaiverExpired,
    parse,
)
from phasegate.ledger.evidence import Chains
from phasegate.store import Database
from phasegate.store.sqlite import SqliteStore
from services.happened import done, drafted, opened, started, taken
from unit.ledger.chain_check import first_break

SYSTEM, OTHER = (PrivateKey(Ed25519PrivateKey.generate()) for _ in range(2))
NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await SqliteStore(tmp_path / "p.db").open()
    yield opened
    await opened.close()


@pytest.fixture
async def chain(database: Database) -> list[Entry]:
    await database.write(append, "r1", NOW, [drafted(number=n, files=n, author="ä") for n in range(1, 7)], SYSTEM)
    return await database.read(read, "r1")


async def test_events_are_numbered_and_each_follows_from_the_one_before(chain: list[Entry]) -> None:
    assert [event.seq for event in chain] == [1, 2, 3, 4, 5, 6]
    assert first_break(chain, SYSTEM.public) == 0
    assert (chain[2].event, chain[2].at) == (drafted(number=3, files=3, author="ä"), NOW)


async def test_what_is_signed_is_canonical_json_of_key_body_place_and_version(chain: list[Entry]) -> None:
    head = f'{{"at":{int(NOW.timestamp())},"before":"{chain[0].digest.hex()}",'
    rest = '"body":{"author":"ä","files":2},"key":"draft:plan/1/2/text","run":"r1","seq":2,"version":1}'
    assert chain[1].payload == f"{head}{rest}".encode()


async def test_what_was_appended_already_is_left_out(database: Database, chain: list[Entry]) -> None:
    again: list[Event] = [drafted(number=6, files=99), opened(), opened(), RunEnded(status="released")]
    await database.write(append, "r1", NOW, again, SYSTEM)
    now = await database.read(read, "r1")
    assert [event.key for event in now[6:]] == ["gate:plan/1", "end"]
    assert now[:6] == chain
    assert first_break(now, SYSTEM.public) == 0


async def test_each_run_has_a_chain_of_its_own(database: Database, chain: list[Entry]) -> None:
    await database.write(append, "r2", NOW, [drafted(author="ä")], SYSTEM)
    (other,) = await database.read(read, "r2")
    assert other.seq == 1
    assert other.digest != chain[0].digest


async def test_events_are_read_from_a_number(database: Database, chain: list[Entry]) -> None:
    assert [entry.seq for entry in await database.read(read, "r1", 4)] == [5, 6]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("version = 2", "version 2, expected 1"),
        ("key = 'sketch:plan/1/3/text'", "kind 'sketch' is unknown; known are allowance, check,"),
        ("key = 'draft:plan/one/3/text'", "'draft' has other fields: attempt: Input should be a valid integer"),
        ("key = 'draft:plan/1/3'", "'draft' has other fields: item: Field required"),
        ("key = 'draft:plan/01/3/text'", "'draft:plan/01/3/text' is no key of an event"),
        ('body = \'{"author":"a","files":3,"pages":1}\'', "pages: Extra inputs are not permitted"),
        ("body = '{'", "Expecting property name"),
    ],
)
async def test_an_event_of_another_form_is_refused_and_says_why(
    database: Database, chain: list[Entry], change: str, says: str
) -> None:
    await database.write(lambda c: c.exec_driver_sql(f"update events set {change} where seq = 3"))
    with pytest.raises(Refused, match="event 3 ") as refused:
        await database.read(read, "r1")
    assert says in str(refused.value)
    assert refused.value.reason == "record_unknown"
    with pytest.raises(Refused, match="is not what was signed"):
        await database.read(Chains(SYSTEM.public).read, "r1")


EVENTS: dict[str, Event] = {
    event.kind: event
    for event in (
        RunStarted(
            spec="specs/1",
            base="b",
            flow="sdlc",
            policy="",
            by="ada",
            terms=Terms(
                shape="s", policy_digest="", rules={"plan": {"quorum": 2}}, approvers={}, managers={"ada": "k"}
            ),
        ),
        started(),
        drafted(seconds=0.5, answers=(("why?", "done"),)),
        CommitsSetAside(ref="refs/phasegate/foreign/r1/1"),
        CheckReported(
            phase="plan",
            attempt=1,
            round=2,
            check="lint",
            tree="t",
            evidence=("3 files",),
            findings=(Finding(check="lint", rule="r", severity=Severity.high, path="a", line=3, message="m"),),
            inputs="d",
        ),
        ReviewReported(phase="plan", attempt=1, round=2, reviewer="qa"),
        ReleasesMerged(
            phase="release",
            attempt=1,
            onto=(MergedRelease(version="1.0", commit="c", by_hand=False, run="r0"),),
            kept=("a",),
        ),
        opened(changed=("quorum 1 → 2",), rules={"quorum": 1}),
        PolicyRefused(phase="plan", attempt=1, policy="demo", reason="the risk is high"),
        taken(by="ada/home", delegation={"payload": "p"}),
        DecisionRevoked(phase="plan", attempt=1, by="ada", channel="page", envelope={"payload": "p"}),
        GateVoided(phase="plan", attempt=1, reason="rules_moved", moved=("quorum 1 → 2",)),
        Reminded(phase="plan", attempt=1, number=2, to=("ada",)),
        Escalated(phase="plan", attempt=1, to=("ada", "mia")),
        WaiverExpired(phase="plan", attempt=1, rules=("a/b",), owner="ada", reason="late", expires="2027-01-01"),
        RunParked(segment=3, why="the disk is full"),
        RunEnded(status="rejected"),
        done("release", "publish", version="1.0"),
        Observed(phase="plan", attempt=1, look="inventory", role="qa", seen={"counted": [{"count": None}]}),
        ModelCalled(phase="plan", attempt=1, round=1, role="qa", call="1", usd="0.1"),
        AllowanceRaised(id="0f3a", by="Mara", calls=5, envelope={}),
        ToolCalled(tool="aws.x", call="1", scope="plan/1/1", role="qa", arguments="d", outcome="answered"),
        ToolRequested(server="aws", phase="plan", attempt=1, tool="x", mark="m", role="qa", reason="not_pinned"),
        ClickRefused(phase="plan", attempt=1, click="1.2", user="U1", team="T1", action="approve", reason="r"),
        TicketChanged(
            issue="OPS-1", updated="2026", url="u", status="s", did=(TicketChange(by="Mia", at="2026", did="said: x"),)
        ),
        DeliveryNoted(channel="teams", news="gate/plan/1", outcome="unknown", why="lost", left=("it stays",)),
    )
}


def test_every_kind_has_an_example_here() -> None:
    assert sorted(EVENTS) == sorted(Event.kinds)


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_is_read_as_it_was_written(kind: str) -> None:
    event = EVENTS[kind]
    body = json.loads(event.body)
    assert parse(event.key, body) == event
    assert event.body == canonical(body).decode()
    assert not set(body) & set(event.identity)
    assert event.key.startswith(type(event).key_of())


def test_a_kind_is_added_by_one_class(request: pytest.FixtureRequest) -> None:
    class PageTurned(Event):
        kind = "page"
        identity = ("number",)
        number: int
        by: str = ""

    request.addfinalizer(lambda: Event.kinds.pop("page"))
    assert parse("page:7", {"by": "ada"}) == PageTurned(number=7, by="ada")
    with pytest.raises(TypeError, match="kind 'page' is PageTurned's already"):
        type("Other", (Event,), {"kind": "page", "__module__": __name__})


def test_a_slash_in_a_name_makes_no_key_of_another_event() -> None:
    with pytest.raises(ValueError, match="hold a slash"):
        _ = opened("plan/1").key
    assert EVENTS["decision"].key == "decision:plan/1/ada/home"


def _edit(chain: list[Entry]) -> list[Entry]:
    return [*chain[:2], replace(chain[2], event=drafted(number=3, files=33, author="ä")), *chain[3:]]


def _postdate(chain: list[Entry]) -> list[Entry]:
    return [*chain[:2], replace(chain[2], at=NOW.replace(year=2027)), *chain[3:]]


def _renumber(chain: list[Entry]) -> list[Entry]:
    return [replace(event, seq=number) for number, event in enumerate([*chain[:2], *chain[3:]], start=1)]


def _signed(event: Entry, key: PrivateKey) -> Entry:
    return replace(event, signature=key.sign(pae(EVENT, event.payload)))


@pytest.mark.parametrize(
    ("tamper", "at"),
    [
        (_edit, 3),  # another body under the old digest
        (_postdate, 3),  # another time
        (lambda chain: [*chain[:2], *chain[3:]], 3),  # one dropped
        (_renumber, 3),  # one dropped, the rest numbered anew
        (lambda chain: [*chain[:2], chain[3], chain[2], *chain[4:]], 3),  # two swapped
        (lambda chain: [*chain[:3], chain[2], *chain[3:]], 4),  # one twice
        (lambda chain: chain[1:], 1),  # the first cut off
        (lambda chain: [replace(event, run="r2") for event in chain], 1),  # passed off as another run's
        (lambda chain: [*chain[:2], _signed(chain[2], OTHER), *chain[3:]], 3),  # signed by somebody else
    ],
)
async def test_a_chain_that_was_tampered_with_shows_where(
    chain: list[Entry], tamper: Callable[[list[Entry]], list[Entry]], at: int
) -> None:
    assert first_break(tamper(chain), SYSTEM.public) == at
