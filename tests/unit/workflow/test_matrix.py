"""Every kind of decision, in every state of a gate, by every channel, from everybody: the same answer in each channel.

The page, the REST API and Slack are driven over HTTP, as browsers, programs and Slack drive them; the terminal calls
the function that its command calls. What is expected comes from `RULES`, which were written from docs and design, and
not from the code: the first that holds gives the answer. Their order is part of the contract: who may not decide learns
nothing of the gate.
"""

import base64
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import sqlalchemy as sa

from phasegate.app import App, Config, WorkingCopy
from phasegate.authors import Report, Subject
from phasegate.authors.roles import CompilerRoles
from phasegate.core import Finding, FixedClock, Refused, Severity
from phasegate.identity import Proof, Scope
from phasegate.keyholder import Custody, HeldKey, LocalKey, Mandate
from phasegate.ledger import (
    Comment,
    DecisionKind,
    Delegation,
    GateKey,
    GateRecord,
    PrivateKey,
    Revocation,
    Statement,
    Waiver,
)
from phasegate.store.schema import accounts, tokens
from phasegate.store.sqlite import SqliteStore
from phasegate.team import Flow, load_team
from phasegate.tools.servers.slack import APPROVE, CHANGES, REJECT, Myself, remark_view, value_of
from phasegate.trust import Proposal, TrustStore, establish, proposed_settings
from phasegate.web import Context, build, context_of, loopback
from phasegate.web.slack import AsyncSlackClient, Click, Environment
from phasegate.workflow import Channel, Credentials, Kind, delegate, revoke, signed
from phasegate.workflow.engine.lazy_queue import LazyQueue
from phasegate.workflow.gates.tokens import give_token
from services.shapes import Shapes
from services.slack_clicks import SECRET, TEAM, Clicks, View, form
from services.slack_clicks import signed as signed_by_slack
from unit.web.fixtures import ORIGIN, PORT
from unit.workflow.fixtures import NOW, Engine, Team, engine, flow, phase
from unit.workflow.managers import KEYS, PEOPLE, person

TAKEN, RECEIPT = "taken", "receipt"
"""A decision that was stored; and one that was stored before, given back as it was."""
STATES = (
    "open, clean",
    "open, a finding blocks",
    "waits for one more",
    "decided, the same",
    "decided, otherwise",
    "void",
    "expired",
    "shows other bytes",
    "unknown",
    "asks again who it is",
)


class Who(NamedTuple):
    """Somebody at the door."""

    by: str
    """The name in the statement."""
    key: str
    """Whose key signs it."""
    kind: Kind = Kind.person
    instead_of: str = ""


WHO = {
    "an approver": Who("ada", "ada"),
    "another manager": Who("bob", "bob"),
    "a delegate": Who("dee", "dee", instead_of="ada"),
    "a stranger with a key": Who("eve", "eve"),
    "an approver's name, another key": Who("ada", "eve"),
    "who started the run": Who("cy", "cy"),
    "an agent": Who("writer", "eve"),
    "a service": Who("ada", "ada", kind=Kind.service),
    "a policy": Who("policy:demo", "system"),
}
CELLS = 1_440
assert len(DecisionKind) * len(STATES) * len(Channel) * len(WHO) == CELLS


class Cell(NamedTuple):
    """One of them."""

    state: str
    kind: DecisionKind
    who: str


RULES: list[tuple[str, Callable[[Cell], bool]]] = [
    # there is no such gate, whoever asks
    ("unknown_gate", lambda c: c.state == "unknown"),
    # then who it is: first what, then by which key, then in which right
    ("agent_identity", lambda c: c.who == "an agent"),
    ("service_identity", lambda c: c.who == "a service"),
    ("not_an_approver", lambda c: c.who in ("a policy", "a stranger with a key", "another manager")),
    ("bad_signature", lambda c: c.who == "an approver's name, another key"),
    ("author_may_not_approve", lambda c: c.who == "who started the run"),
    # then the gate, for who could have decided
    ("gate_void", lambda c: c.state == "void"),
    (RECEIPT, lambda c: c.state == "decided, the same" and c.who == "an approver"),
    ("already_decided", lambda c: c.state.startswith("decided")),
    ("gate_expired", lambda c: c.state == "expired"),
    ("stale_digest", lambda c: c.state == "shows other bytes"),
    ("reauthentication_required", lambda c: c.state == "asks again who it is"),
    # then what is said
    ("blocking_findings", lambda c: c.kind is DecisionKind.approve and "blocks" in c.state),
    ("nothing_to_waive", lambda c: c.kind is DecisionKind.waive and "blocks" not in c.state),
    (TAKEN, lambda _: True),
]


def expected(cell: Cell) -> str:
    return next(answer for answer, holds in RULES if holds(cell))


BLOCKED = "blocked"
"""Runs of such a name have a finding that blocks."""
WAIVER = Waiver(rules=("content/guard",), owner="ada", reason="known", expires="2027-01-01")
OTHERWISE = {kind: DecisionKind.request_changes for kind in DecisionKind} | {
    DecisionKind.request_changes: DecisionKind.reject
}


def table(state: str) -> Flow:
    """A gate as strict as a workflow can have it."""
    gate: dict[str, Any] = {
        "name": "g",
        "approvers": ["manager", "lead"],
        "author_may_approve": False,
        "expires_after": "2d",
        "quorum": 2 if state == "waits for one more" else 1,
        "reauthenticate": state == "asks again who it is",
    }
    return flow(phase("first", max_rounds=1, gate=gate), phase("second"))


@dataclass(kw_only=True)
class MatrixEngine:
    """A gate in one state; once somebody passes it, there is another."""

    desk: Engine
    app: App
    parts: Context
    web: httpx.AsyncClient
    state: str
    clock: FixedClock
    signing: "LateSignIn"
    runs: int = 0
    shown: dict[DecisionKind, GateRecord] = field(default_factory=dict)
    bearers: dict[Who, str] = field(default_factory=dict)
    """Secrets of tokens."""
    clicks: Clicks = field(default_factory=lambda: Clicks(shapes=Shapes("slack"), address="http://127.0.0.1:1"))

    async def gate(self, kind: DecisionKind) -> GateRecord:
        """Runs differ by the kind of decision where what was said before depends on it."""
        if kind not in self.shown:
            self.clock.move(NOW)
            self.runs += 1
            waived = self.state == "decided, the same" and kind is DecisionKind.waive
            run = f"{BLOCKED if waived or 'blocks' in self.state else 'clean'}-{self.runs}"
            await self.desk.start(run_id=run, by="cy")
            await self.desk.segments.advance(run)
            gate = await self.desk.ledger.gate(GateKey(run, "first", 1))
            assert gate
            self.shown[kind] = await self._in_state(gate, kind)
        return self.shown[kind]

    async def _in_state(self, gate: GateRecord, kind: DecisionKind) -> GateRecord:
        match self.state:
            case "waits for one more":
                await self.said(gate, DecisionKind.approve, by="amy")
            case "decided, the same":
                await self.said(gate, kind)
            case "decided, otherwise":
                await self.said(gate, OTHERWISE[kind])
            case "void":
                await self.said(gate, DecisionKind.reject)
                taken_back = Revocation(gate=gate.key, by="ada", at=NOW)
                await revoke(self.desk.keeper, taken_back, KEYS["ada"], person("ada"), self.desk.queue.dispatch)
            case "shows other bytes":
                return replace(gate, digest="0" * 64)
            case "unknown":
                return replace(gate, key=GateKey(gate.key.run, "first", 7))
            case _:
                pass
        return gate

    async def said(self, gate: GateRecord, kind: DecisionKind, by: str = "ada") -> None:
        statement = await self.statement(gate, kind, Who(by, by))
        await self.app.take(signed(statement, KEYS[by]), person(by))

    async def statement(self, gate: GateRecord, kind: DecisionKind, who: Who) -> Statement:
        now = self.clock.now()
        return Statement(
            gate=gate.key,
            digest=gate.digest,
            tree=gate.tree,
            kind=kind,
            by=who.by,
            at=now,
            comments=_comments(kind),
            waiver=_waiver(kind),
            token=give_token(self.desk.team.system, gate, who.by, now),
            instead_of=who.instead_of,
            head=await self.desk.ledger.head(gate.key.run),
        )

    async def answer(self, cell: Cell, channel: Channel) -> str:
        """What that channel answers in the cell: a reason, or what was done."""
        gate = await self.gate(cell.kind)
        self.clock.move(NOW + timedelta(days=3 if self.state == "expired" else 0, seconds=1))
        before = await self.desk.ledger.decisions(gate.key.run)
        try:
            await self._knock(gate, cell.kind, WHO[cell.who], channel)
        except Refused as refused:
            answer = refused.reason
        else:
            answer = RECEIPT
        if await self.desk.ledger.decisions(gate.key.run) != before:
            del self.shown[cell.kind]
            return TAKEN if answer == RECEIPT else f"{answer}, and yet it was stored"
        return answer

    async def _knock(self, gate: GateRecord, kind: DecisionKind, who: Who, channel: Channel) -> None:
        """Hands the decision in by that way.

        Raises:
            Refused: with the reason that the way gives.
        """
        if channel is Channel.api:
            await self._post_signed(gate, kind, who)
        elif who.kind is not Kind.person or (channel is Channel.slack and kind is DecisionKind.waive):
            # No service has a session or a terminal, and no card offers a waiver: what comes after that answers.
            await self._say(gate, kind, who, channel)
        elif channel is Channel.page:
            await self._post_form(gate, kind, who)
        elif channel is Channel.slack:
            await self._click(gate, kind, who)
        else:
            await self._say(gate, kind, who, channel)

    async def _say(self, gate: GateRecord, kind: DecisionKind, who: Who, channel: Channel) -> None:
        """The function that every channel calls, where the way before it leaves nothing to drive."""
        if who.kind is not Kind.person:
            credentials = Credentials(name=who.by, kind=who.kind, channel=channel, proved_at=self._proved())
            await self.app.take(signed(await self.statement(gate, kind, who), self._key(who)), credentials)
            return
        person = self.app.person(who.by, channel, self._proved())
        said: dict[str, Any] = {"comments": _comments(kind), "waiver": _waiver(kind), "digest": gate.digest}
        await self.app.decide(gate, kind, person, self._key(who), **said)

    async def _click(self, gate: GateRecord, kind: DecisionKind, who: Who) -> None:
        """A signed click of whom phasegate.toml maps to that name, with the key that they left unlocked."""
        now = self.clock.now()
        self.clock.move(self._proved())
        mandate = Mandate(by=who.by, seconds=60, only_decisions=True)
        key = LocalKey(Custody(self._key(who)._key, mandate))
        await self.parts.unlocked.begin(who.by, key, member(who.by), timedelta(hours=1))
        self.clock.move(now)
        action = {DecisionKind.approve: APPROVE, DecisionKind.request_changes: CHANGES, DecisionKind.reject: REJECT}[
            kind
        ]
        clicks = self.clicks
        payload = clicks.button(member(who.by), action, value_of(str(gate.key), gate.digest))
        if kind is not DecisionKind.approve:
            kept = Click.pressed(payload).place.kept
            given = remark_view(action, str(gate.key), "x", gate.digest, kept)
            clicks.views.append(View(id="V1", user=member(who.by), given=given))
            payload = clicks.sent_off("\n".join(comment.text for comment in _comments(kind)))
        body = form(payload)
        del self.web.headers["origin"]
        answer = await self.web.post("/slack/interactive", content=body, headers=signed_by_slack(body, now))
        self.web.headers["origin"] = ORIGIN
        if answer.status_code != 200:
            raise Refused(f"{answer.status_code}", reason=answer.json()["reason"])

    async def _post_form(self, gate: GateRecord, kind: DecisionKind, who: Who) -> None:
        now = self.clock.now()
        self.clock.move(self._proved())
        session = await self.parts.sessions.begin(Proof(account=who.by))
        self.signing.key, self.signing.at = self._key(who), now
        form: dict[str, Any] = {
            "form_token": session.form_token,
            "passphrase": "it is not looked at",
            "digest": gate.digest,
            "decision": kind.value,
            "token": self._token(gate, who.by),
            "comment": [comment.text for comment in _comments(kind)],
        }
        form |= {"comment_path": [""], "comment_line": [""]} if form["comment"] else {}
        form |= {**vars(WAIVER), "rule": WAIVER.rules} if kind is DecisionKind.waive else {}
        form.pop("rules", None)
        self.web.cookies.set(self.parts.settings.cookie, session.id)
        answer = await self.web.post(f"/gates/{gate.key}/decide", data=form)
        self.web.cookies.clear()
        self.clock.move(now)
        if answer.status_code != 303:
            (reason,) = re.findall(r"<code>([a-z_]+)</code>", answer.text[answer.text.index("<main") :])[:1]
            raise Refused(f"{answer.status_code}", reason=reason)

    async def _post_signed(self, gate: GateRecord, kind: DecisionKind, who: Who) -> None:
        if who not in self.bearers:
            self.bearers[who] = await self._bearer(who)
        made = replace(await self.statement(gate, kind, who), token=self._token(gate, who.by))
        decision = signed(made, self._key(who))
        body = {
            "statement": made.as_json(),
            "key_id": decision.key_id,
            "signature": base64.b64encode(decision.signature).decode(),
        }
        headers = {"authorization": f"Bearer {self.bearers[who]}"}
        answer = await self.web.post(f"/api/v1/gates/{gate.key}/decisions", json=body, headers=headers)
        if answer.status_code != 201:
            raise Refused(f"{answer.status_code}", reason=answer.json()["reason"])

    async def _bearer(self, who: Who) -> str:
        """A token that may decide; a service's gets the scope past everything that would not have let it."""
        service = who.kind is Kind.service
        scope, day = Scope.read if service else Scope.decide, timedelta(days=30)
        token, secret = await self.parts.tokens.create("x", [scope], day, account=None if service else who.by)
        if service:
            change = sa.update(tokens).where(tokens.c.id == token.id).values(scopes=Scope.decide.value)
            await self.app.database.write(lambda connection: connection.execute(change))
        return secret

    def _key(self, who: Who) -> PrivateKey:
        return self.desk.team.system if who.key == "system" else KEYS[who.key]

    def _token(self, gate: GateRecord, by: str) -> str:
        return give_token(self.desk.team.system, gate, by, self._proved())

    def _proved(self) -> datetime:
        now = self.clock.now()
        return now - timedelta(minutes=20) if self.state == "asks again who it is" else now


def _comments(kind: DecisionKind) -> tuple[Comment, ...]:
    return (Comment(text="mend it"),) if kind is DecisionKind.request_changes else ()


def _waiver(kind: DecisionKind) -> Waiver | None:
    return WAIVER if kind is DecisionKind.waive else None


def member(name: str) -> str:
    """Who they are in Slack."""
    return f"U0{''.join(char for char in name.upper() if char.isalnum())}"


@dataclass(kw_only=True)
class LateSignIn:
    """A way to open keys, after which it takes a while until they sign."""

    clock: FixedClock
    key: PrivateKey = KEYS["ada"]
    at: datetime = NOW

    async def prove(self, name: str, secret: str, address: str) -> Proof:
        raise NotImplementedError

    async def unlock(self, name: str, secret: str, address: str, mandate: Mandate) -> HeldKey:
        return LateKey(Custody(self.key._key, mandate), self)


class LateKey(LocalKey):
    """A key that signs when its time has come."""

    def __init__(self, custody: Custody, signing: LateSignIn) -> None:
        super().__init__(custody)
        self._signing = signing

    def sign(self, message: bytes) -> bytes:
        self._signing.clock.move(self._signing.at)
        return super().sign(message)


class QuietSlack(AsyncSlackClient):
    """A workspace that knows whose token ours is, and takes what it is told; no test of this file looks at that."""

    async def myself(self) -> Myself:
        return Myself(user_id="U0BOT", bot_id="B0BOT", team_id=TEAM)

    async def update(self, channel: str, message: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        pass

    async def whisper(self, response_url: str, text: str) -> None:
        pass


@asynccontextmanager
async def stage(folder: Path, state: str) -> AsyncIterator[MatrixEngine]:
    clock = FixedClock(NOW)

    async def check(subject: Subject) -> Report:
        finding = Finding(check="content", rule="guard", severity=Severity.critical, path="a", message="bad")
        return Report(findings=(finding,) if subject.facts.run.startswith(BLOCKED) else ())

    listed = {**PEOPLE, "writer": replace(PEOPLE["ada"], name="writer", public_key=KEYS["eve"].public)}
    people = {name: replace(one, slack=member(name)) for name, one in listed.items()}
    team = Team(folder, flow=table(state), checks={"content": check}, clock=clock, key=KEYS["ada"], others=people)
    async with engine(team) as d:
        given = Delegation(by="ada", to="dee", begins=NOW - timedelta(hours=1), ends=NOW + timedelta(days=30))
        await delegate(d.keeper, given, KEYS["ada"], person("ada"))
        app = _app(d, clock)
        rows = [
            {"name": name, "hash": "-", "key": "-", "created_at": 0} for name in sorted({w.by for w in WHO.values()})
        ]
        await app.database.write(lambda connection: connection.execute(accounts.insert(), rows))
        signing = LateSignIn(clock=clock)
        slack = QuietSlack(Environment(token="xoxb-1", secret=SECRET))
        parts = replace(context_of(app, loopback(PORT), slack=slack), sign_in=signing)
        served = build(parts)
        server = httpx.ASGITransport(app=served)
        async with httpx.AsyncClient(transport=server, base_url=ORIGIN, headers={"origin": ORIGIN}) as web:
            yield MatrixEngine(desk=d, app=app, parts=parts, web=web, state=state, clock=clock, signing=signing)
        await served.state.desk.door.errands.done(30)


def _app(d: Engine, clock: FixedClock) -> App:
    config = Config.model_validate({"project": {"name": "acme", "package": "acme"}})
    folder = d.team.folder
    trust = _root(d, config)
    return App(
        folder=WorkingCopy(
            path=folder, config=config, ledger=d.ledger, workspace=d.workspace, unreleasable=lambda _: False
        ),
        config=config,
        clock=clock,
        team=load_team(),
        flow=d.team.flow,
        workspace=d.workspace,
        ledger=d.ledger,
        database=d.ledger._database,
        queue=LazyQueue(SqliteStore(d.team.database)),
        keeper=d.keeper,
        roles=CompilerRoles(),
        trust=trust,
        working=config,
        signed=trust.read().root,
    )


def _root(d: Engine, config: Config) -> TrustStore:
    """Return the store of a root that names the managers of the desk, and the key that its events are signed with."""
    rows = [
        {"name": one.name, "public_key": str(one.public_key), "card": one.card, "slack": "", "jira": ""}
        for one in d.keeper.managers().values()
    ]
    store = TrustStore(d.workspace.state, d.team.folder)
    flow = d.team.flow
    wanted = Proposal(
        settings=proposed_settings(config) | {"managers": rows},
        files={},
        phases=tuple(flow.phase_ids),
        rules={phase.id: phase.gate.model_dump(mode="json") for phase in flow.phases},
        system=d.keeper.system.public,
    )
    establish(store, wanted, KEYS["ada"], NOW)
    return store


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
async def test_every_cell_gives_the_answer_of_the_rules_in_every_channel(tmp_path: Path, state: str) -> None:
    async with stage(tmp_path, state) as s:
        answers = {
            (cell, channel): await s.answer(cell, channel)
            for cell in map(Cell._make, product([state], DecisionKind, WHO))
            for channel in Channel
        }
        s.app.queue.close()
    assert len(answers) == CELLS // len(STATES)
    wrong = {
        f"{cell.kind} by {cell.who} at a gate that is {state}, {channel}": f"{answer}, not {expected(cell)}"
        for (cell, channel), answer in answers.items()
        if answer != expected(cell)
    }
    assert wrong == {}


def test_each_rule_of_the_table_is_met_by_some_cell() -> None:
    met = {expected(Cell(*each)) for each in product(STATES, DecisionKind, WHO)}
    assert met == {answer for answer, _ in RULES}
