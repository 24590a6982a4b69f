"""The one place where page, REST API and Slack decide, take back and delegate: nothing else in this package does."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from phasegate.core import InvalidInput, Refused
from phasegate.identity import Proof, Session, Unlock
from phasegate.keyholder import HeldKey, Mandate
from phasegate.ledger import Comment, Decision, DecisionKind, GateRecord, Revocation, Waiver
from phasegate.ledger import Statement as Signed
from phasegate.reports.artifacts import anchored
from phasegate.reports.decisions import drawn_up
from phasegate.reports.questions import answers_at
from phasegate.web.context import Context
from phasegate.web.session_auth import CsrfForm
from phasegate.web.words import day
from phasegate.workflow import Channel, Credentials, delegate, end_delegation

MOST_COMMENTS, LONGEST = 200, 10_000
ONE_STATEMENT = timedelta(minutes=5)
"""For how long a key is held that signs one statement: a tool server to be granted may take a while to start."""
HOURS = (1, 4, 8)
"""For how long a key can be left unlocked."""


async def from_form(context: Context, gate: GateRecord, form: CsrfForm, address: str) -> Decision:
    """Takes what a signed-in manager filled in, signed with their key.

    Raises:
        Refused: see `phasegate.workflow.gates.decide`; besides `wrong_passphrase`.
        InvalidInput: the form does not say what is decided.
    """
    kind = decision_kind(form.text("decision"))
    numbers = [int(number) for number in form.texts("question") if number.isdecimal()]
    answers = await answers_at(context.app, gate, kind, dict(zip(numbers, form.texts("answer"), strict=False)))
    comments = [*answers, *_comments(context, gate, form)]
    async with _unlocked(context, form, address) as (who, key):
        # By the digest that the form shows: where the gate shows other bytes by now, it is refused and not moved.
        return await context.app.decide(
            gate,
            kind,
            who,
            key,
            digest=form.text("digest"),
            comments=comments,
            waiver=_waiver(form) if kind is DecisionKind.waive else None,
            token=form.text("token"),
        )


async def revoke_from_form(context: Context, gate: GateRecord, form: CsrfForm, address: str) -> None:
    """Takes back what a signed-in manager said at a gate, signed with their key.

    Raises:
        Refused: see `phasegate.workflow.gates.revoke`; besides `wrong_passphrase`.
    """
    async with _unlocked(context, form, address) as (who, key):
        made = Revocation(gate=gate.key, by=who.name, at=context.app.clock.now())
        await context.app.revoke(made, key, who)


async def delegate_from_form(context: Context, form: CsrfForm, address: str) -> None:
    """Has another manager decide for a signed-in one, signed with their key.

    Raises:
        Refused: see `phasegate.workflow.delegate`; besides `wrong_passphrase`.
        InvalidInput: the form does not say to whom, or until when.
    """
    to, first, last = form.text("to"), day(form.text("from")), day(form.text("until"))
    if not to:
        raise InvalidInput("nobody is chosen", fix="choose who decides for you")
    if last is None:
        raise InvalidInput("a delegation has an end", fix="choose its last day")
    given = drawn_up(context.app, form.session.account, to, first, last, tuple(form.texts("gate")))
    async with _unlocked(context, form, address) as (who, key):
        await delegate(context.app.keeper, given, key, who)


async def end(context: Context, form: CsrfForm, address: str) -> None:
    """Ends all that a signed-in manager delegated to another.

    Raises:
        Refused: see `phasegate.workflow.end_delegation`; besides `wrong_passphrase`.
    """
    async with _unlocked(context, form, address) as (who, key):
        await end_delegation(context.app.keeper, who.name, form.text("to"), key, who)


async def grant(context: Context, server: str, form: CsrfForm, address: str) -> None:
    """Grants a server's definition, or its tools, as they were shown to a signed-in manager, signed with their key.

    Raises:
        Refused: see `phasegate.workflow.gates.tool_grants`; besides `wrong_passphrase`.
        InvalidInput: there is no such server, or the form does not say until when.
        Missing: the server does not start, or says something else than was shown.
    """
    from phasegate.tool_access.servers import bounds, open_tools  # the protocol's library takes a second to load

    last = day(form.text("until"))
    if last is None:
        raise InvalidInput("a grant has an end", fix="choose its last day")
    only = bounds(form.text("only").splitlines())
    ends = datetime.combine(last, time(23, 59, 59), UTC)
    async with _unlocked(context, form, address) as (who, key), open_tools(context.app) as tools:
        if shown := form.text("definition"):
            await tools.let_start(tools.server(server), who.name, key, ends, who, shown=shown)
            return
        # What was shown is sent back by its digests: a server that describes its tools otherwise by now is not granted.
        await tools.grant(
            tools.server(server),
            who.name,
            key,
            ends,
            writes=form.texts("write"),
            only=only,
            seen=dict(zip(form.texts("tool"), form.texts("mark"), strict=False)),
            all_tools=False,
            who=who,
        )


async def from_statement(
    context: Context, statement: Signed, key_id: str, signature: bytes, who: Credentials
) -> Decision:
    """Record a statement that a manager signed at home, whose signed one-time token proves who they are.

    Raises:
        Refused: see `phasegate.workflow.gates.decide`.
    """
    return await context.app.take(Decision(statement=statement, key_id=key_id, signature=signature), who)


async def unlock(context: Context, form: CsrfForm, address: str, user: str) -> Unlock:
    """Leaves a signed-in manager's key unlocked for their user in Slack, for the hours that they chose.

    Raises:
        Refused: `wrong_passphrase`, or `reauthentication_required` where none is given.
        InvalidInput: the form does not say for how long.
    """
    lasts = next((timedelta(hours=hours) for hours in HOURS if form.text("hours") == str(hours)), None)
    if lasts is None:
        raise InvalidInput("it is not said for how long", fix=f"choose {', '.join(map(str, HOURS))} hours")
    account = form.session.account
    mandate = Mandate(by=account, seconds=lasts.total_seconds(), only_decisions=True)
    return await context.unlocked.begin(account, await _key(context, form, address, mandate), user, lasts)


async def from_click(
    context: Context,
    gate: GateRecord,
    kind: DecisionKind,
    unlocked: Unlock,
    *,
    digest: str,
    remark: str,
    answers: Mapping[int, str] | None = None,
) -> Decision:
    """Decide by a manager's click, signed with their unlocked key. The click inherits the unlock's proof time.

    Raises:
        Refused: see `phasegate.workflow.gates.decide`.
    """
    said = await answers_at(context.app, gate, kind, answers or {})
    return await context.app.decide(
        gate,
        kind,
        context.app.person(unlocked.account, Channel.slack, unlocked.proved_at),
        unlocked.key,
        digest=digest,
        comments=[*said, *make_comments(context, gate, [("", 0, remark)])],
    )


@dataclass(frozen=True, kw_only=True)
class DetachedSignature:
    """A signature over certain bytes, made elsewhere with a key that this server never sees."""

    key_id: str
    signature: bytes

    def sign(self, message: bytes) -> bytes:
        """The signature as it was handed in."""
        return self.signature


def just_now(context: Context, who: Credentials) -> Credentials:
    """Return the credentials of whoever signed a statement at home, just now.

    Raises:
        Refused: `reauthentication_required`, where it was signed earlier.
    """
    if not who.fresh(context.app.clock.now()):
        fix = "ask for the statement again, and sign it"
        raise Refused("this was not signed just now", reason="reauthentication_required", fix=fix)
    return who


def decision_kind(word: str) -> DecisionKind:
    """Return the decision of exactly that name.

    Raises:
        InvalidInput: there is none.
    """
    try:
        return DecisionKind(word)
    except ValueError as error:
        known = ", ".join(kind.value for kind in DecisionKind)
        raise InvalidInput(f"'{word[:40]}' is no decision", fix=f"one of {known}") from error


def moment(seconds: int) -> datetime:
    """A statement's time."""
    return datetime.fromtimestamp(seconds, UTC)


def came(context: Context, session: Session) -> Credentials:
    """Return the credentials of whoever is signed in."""
    return context.app.person(session.account, Channel.page, session.proved_at)


@asynccontextmanager
async def _unlocked(context: Context, form: CsrfForm, address: str) -> AsyncIterator[tuple[Credentials, HeldKey]]:
    """Have the person's key held for one statement, which also proves who they are."""
    account = form.session.account
    key = await _key(context, form, address, Mandate(by=account, seconds=ONE_STATEMENT.total_seconds()))
    try:
        yield came(context, context.sessions.proved(form.session, Proof(account=account))), key
    finally:
        key.close()


async def _key(context: Context, form: CsrfForm, address: str, mandate: Mandate) -> HeldKey:
    secret = form.secret("passphrase")
    if not secret:
        fix = "give it: it opens your key for this one signature"
        raise Refused("your passphrase is missing", reason="reauthentication_required", fix=fix)
    try:
        return await context.sign_in.unlock(form.session.account, secret, address, mandate)
    except Refused as refused:
        if refused.reason != "wrong_passphrase":
            raise
        raise Refused("this is not your passphrase", reason=refused.reason, fix="give it again") from None


def _comments(context: Context, gate: GateRecord, form: CsrfForm) -> list[Comment]:
    rows = list(zip(form.texts("comment_path"), form.texts("comment_line"), form.texts("comment"), strict=False))
    return make_comments(
        context,
        gate,
        [(path, int(line or 0) if line.isdecimal() or not line else -1, text) for path, line, text in rows],
    )


def make_comments(context: Context, gate: GateRecord, rows: Sequence[tuple[str, int, str]]) -> list[Comment]:
    """Return comments from path, line and text, without those that have no text.

    Raises:
        InvalidInput: there are too many, or one is too long.
        UsageError: the gate's tree has no such file or line.
    """
    said = [row for row in rows if row[2]]
    if len(said) > MOST_COMMENTS or any(len(text) > LONGEST for *_, text in said):
        raise InvalidInput(f"{MOST_COMMENTS} comments of {LONGEST:,} characters are the most", fix="say it shorter")
    return [
        anchored(context.app, gate.commit, path, line, text) if path else Comment(text=text)
        for path, line, text in said
    ]


def _waiver(form: CsrfForm) -> Waiver:
    return Waiver(
        rules=tuple(form.texts("rule")),
        owner=form.text("owner"),
        reason=form.text("reason"),
        expires=form.text("expires"),
    )
