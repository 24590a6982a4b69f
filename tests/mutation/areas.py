"""What keeps a promise, and the tests that guard it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from phasegate.identity import Session, Unlock
from phasegate.ledger import Decision, DecisionKind, GateRecord
from phasegate.tools.servers.slack import cards
from phasegate.web import Context, decisions
from phasegate.web.slack import Click, Door
from phasegate.workflow import Credentials
from phasegate.workflow.gates import tokens


@dataclass(frozen=True, kw_only=True)
class Area:
    """Modules, what to mutate in them, and the tests that have to notice."""

    modules: Mapping[str, Sequence[str]]
    """By dotted path: functions by qualified name, and names that the module binds; none: all of them."""
    tests: Sequence[str]
    """Files and folders, relative to this folder's parent."""
    thorough: Sequence[str] = ()
    """Functions each word of which is a promise."""
    substitutes: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = field(default_factory=dict)
    """Mutants that are no edit: a function, and one to be called in its place."""
    every: bool = True
    """Whether each mutant has to be killed, or as yet those that break one of `RULES` and the substitutes."""
    equivalent: Mapping[str, str] = field(default_factory=dict)
    """Addresses of mutants that change nothing that anybody could see, each with the reason."""


class _JustNow(datetime):
    """A moment that has no age, whatever the clock says."""

    def __rsub__(self, other: Any) -> Any:
        return timedelta(0)


JUST_NOW = _JustNow.now(UTC)
came, _from_click, _record, _plain = decisions.came, decisions.from_click, Door._record, cards._plain


def _session_proves_anew(parts: Context, session: Session) -> Credentials:
    return replace(came(parts, session), proved_at=JUST_NOW)


async def _unlocked_proves_anew(
    parts: Context, gate: GateRecord, kind: DecisionKind, unlocked: Unlock, *, digest: str, remark: str
) -> Decision:
    anew = replace(unlocked, proved_at=JUST_NOW)
    return await _from_click(parts, gate, kind, anew, digest=digest, remark=remark)


async def _click_on_what_is_there(
    parts: Context, gate: GateRecord, kind: DecisionKind, unlocked: Unlock, *, digest: str, remark: str
) -> Decision:
    return await _from_click(parts, gate, kind, unlocked, digest=gate.digest, remark=remark)


async def _each_delivery_anew(door: Door, click: Click, problem: Any) -> None:
    await _record(door, click.model_copy(update={"id": str(id(click))}), problem)


def _signed_now(token: str) -> datetime:
    return JUST_NOW


def _formatted(text: str, limit: int = 150) -> dict[str, Any]:
    return {**_plain(text, limit), "type": "mrkdwn"}


def _still_asking(card: cards.Card) -> list[dict[str, Any]]:
    return cards.asking(card, "0" * 64)


def _gates(*names: str) -> list[str]:
    return [f"unit/workflow/test_{name}.py" for name in names]


_SIGNED = "what has no time of ours was not signed by us, and the signature does not hold"

AREAS = {  # the longest first: a worker that begins one late keeps the others waiting
    "slack": Area(
        modules={
            "phasegate.web.slack.handler": (
                "Door._answer", "Door._decided", "Door._asked", "Door._who", "Door._record", "_waits",
            ),
            "phasegate.web.slack.http": ("interactive", "_payload"),
            "phasegate.web.slack.slack_client": (
                "AsyncSlackClient.person", "AsyncSlackClient.send_ephemeral", "AsyncSlackClient._is_slack_s",
            ),
            "phasegate.web.middleware": ("Guard.__call__",),
            "phasegate.web.decisions": ("from_click",),
        },
        substitutes={
            "an unlocked key proves anew what it proved": (decisions.from_click, _unlocked_proves_anew),
            "a click takes the digest that the gate has now": (decisions.from_click, _click_on_what_is_there),
            "each delivery of a click is on record": (Door._record, _each_delivery_anew),
        },
        every=False,
        tests=["hostile/test_slack.py", "unit/web/slack/test_page.py", *_gates("matrix")],
    ),
    "tools": Area(
        modules={
            "phasegate.tools.client.policy": (),
            "phasegate.tools.client.bounds": ("covered", "stray", "within", "_is_below", "_is_normal", "_decoded"),
        },
        tests=["unit/tools/client/test_policy.py", "hostile/test_tools.py"],
        equivalent={
            "phasegate.tools.client.policy.Policy._is_listed drop-operand 3": "no server, no rule",
        },
    ),
    "executions": Area(
        modules={
            "phasegate.executions.released": ("Package.require_unchanged",),
            "phasegate.executions.history": ("fold",),
            "phasegate.runbooks.runtime.remediation": ("_too_many",),
        },
        every=False,
        tests=["unit/executions", "unit/runbooks/runtime/test_apply.py"],
    ),
    "decide": Area(
        modules={"phasegate.workflow.gates.decide": ()},
        every=False,
        tests=_gates("binding", "decide", "delegation", "matrix", "quorum", "revoke", "tokens"),
    ),
    "approvers": Area(
        modules={"phasegate.workflow.gates.approvers": ()},
        every=False,
        tests=_gates("binding", "delegation", "matrix", "quorum", "timers"),
    ),
    "tokens": Area(
        modules={"phasegate.workflow.gates.tokens": ()},
        tests=_gates("tokens"),
        equivalent={
            "phasegate.workflow.gates.tokens.token_holds force-false 1": _SIGNED,
            "phasegate.workflow.gates.tokens.token_holds drop-operand 1": _SIGNED,
            "phasegate.workflow.gates.tokens.token_holds drop-operand 2": _SIGNED,
            "phasegate.workflow.gates.tokens._moment drop-operand 1": _SIGNED,
        },
    ),
    "revoke": Area(
        modules={"phasegate.workflow.gates.revoke": (), "phasegate.workflow.gates.timers": ()},
        every=False,
        tests=_gates("delegation", "revoke", "timers"),
    ),
    "use": Area(
        modules={"phasegate.workflow.gates.gatekeeper": (), "phasegate.workflow.engine.segment": ("Segments._ended",)},
        thorough=("Gatekeeper._binds",),
        every=False,
        tests=_gates("binding", "decide", "gatekeeper", "quorum", "revoke", "routes", "stopped", "timers"),
    ),
    "ledger": Area(
        modules={
            "phasegate.ledger.ledger": ("Ledger.decide", "Ledger.revoke", "Ledger.consume", "_standing"),
            "phasegate.ledger.rows": (
                "_CLOSE", "_REVOKE", "_CONSUME", "close_gate", "revoke", "use_token", "end_delegations",
            ),
            "phasegate.ledger.signed_statements": ("_STANDING", "end"),
            "phasegate.ledger.evidence": (),
            "phasegate.ledger.agreement": (),
            "phasegate.ledger.records": (
                "approvals", "Delegation.covers", "Statement._payload", "Statement.as_json", "Statement.principal",
                "GateHistory.decisions", "GateHistory.told", "GateHistory.believed", "GateHistory.taken",
                "GateHistory.passed", "GateHistory.decision",
            ),
        },
        thorough=("Statement.as_json",),
        every=False,
        tests=[*_gates("binding", "delegation", "quorum", "revoke", "tokens"), "unit/ledger/test_ledger.py"],
    ),
    "web": Area(
        modules={
            "phasegate.web.decisions": ("unlock", "just_now", "_unlocked", "_key", "came"),
            "phasegate.web.pages.slack": ("_user",),
            "phasegate.web.api.gates": ("decide",),
            "phasegate.workflow.gates.tokens": ("given_at",),
        },
        substitutes={
            "a session proves anew what it proved": (decisions.came, _session_proves_anew),
            "a signature is as new as can be": (tokens.given_at, _signed_now),
        },
        every=False,
        tests=[*_gates("matrix"), "unit/web/test_signing.py", "unit/web/slack/test_page.py"],
    ),
    "cards": Area(
        modules={
            "phasegate.tools.servers.slack.cards": (
                "read_value", "asking", "answered", "calling", "_address", "_plain",
            ),
        },
        thorough=("_plain",),
        substitutes={
            "a card that is answered can be clicked": (cards.answered, _still_asking),
            "what others wrote is formatted": (cards._plain, _formatted),
        },
        tests=["unit/tools/servers/slack/test_cards.py"],
    ),
    "unlocked": Area(
        modules={"phasegate.identity.unlocked_keys": ()},
        tests=["unit/identity/test_unlocked_keys.py"],
        equivalent={
            "phasegate.identity.unlocked_keys.Unlocked.find force-false 4": "a key that was closed is found no more",
        },
    ),
    "runtime": Area(
        modules={"phasegate.runbooks.runtime.approvals": ()},
        thorough=("statement",),
        equivalent={
            "phasegate.runbooks.runtime.approvals.consume drop-statement 3": "it shows when the machine loses power",
            "phasegate.runbooks.runtime.approvals.consume drop-statement 4": "it shows when the machine loses power",
            "phasegate.runbooks.runtime.approvals.verify_signature drop-raise 1": "the tests have `cryptography`",
        },
        tests=["unit/runbooks/runtime/test_approvals.py"],
    ),
}  # fmt: skip
