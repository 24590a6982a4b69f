"""Proof that a run went through its gates: signatures of those who decided, and never what is stored about it.

Graph state, rows and the system's key lie in files. Whoever has the account can write all of them, and what they cannot
write is a signature of a manager over the digest that the gate showed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from phasegate.core import PhasegateError
from phasegate.ledger import Decision, GateHistory, GateKey, PublicKey, approvals, of_kind
from phasegate.ledger.events import GateOpened
from phasegate.workflow.gates.approvers import POLICY


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Judge of the gates that a run has behind it."""

    keys: Callable[[str], Sequence[PublicKey]]
    """Keys that a person has or had by the root: who left since has decided all the same."""
    system: PublicKey
    """Signs what a policy passes."""

    def require(self, dossier: GateHistory, phases: Sequence[str]) -> None:
        """Refuse to go on behind a gate that nobody passed.

        Raises:
            PhasegateError: a phase was gone through without decisions that were used, that name what its gate showed,
                and that enough of those who gave them signed.
        """
        for phase in phases:
            if self.of(dossier, phase) is None:
                raise PhasegateError(
                    f"phase '{phase}' was gone through without a decision",
                    fix="what is stored of this run does not hold together: start the spec again, and tell us of it",
                )

    def unsigned(self, dossier: GateHistory) -> str:
        """Return in words the first decision on record that is not signed by who gave it, or an empty string."""
        wrong = (one for one in dossier.said if not self._is_signed(one, dossier.run.policy))
        return next(
            (f"the decision of '{o.statement.by}' at gate '{o.statement.gate}' is not theirs" for o in wrong), ""
        )

    def of(self, dossier: GateHistory, phase: str) -> GateOpened | None:
        """Return what the phase's passed gate showed, or None where none was passed."""
        used = set(_used(dossier, phase))
        opened = [event for event in of_kind(dossier.events, GateOpened) if event.gate(dossier.run.id) in used]
        return next((event for event in reversed(opened) if self._let_through(dossier, event)), None)

    def _let_through(self, dossier: GateHistory, opened: GateOpened) -> bool:
        key, binds = opened.gate(dossier.run.id), opened.binds
        taken = [one for one in dossier.believed if one.statement.gate == key]
        counted = [one for one in taken if one.statement.digest == binds.digest]
        if not all(one.passes and self._is_signed(one, dossier.run.policy) for one in counted[-1:]):
            return False
        counted = [one for one in counted if self._is_signed(one, dossier.run.policy)]
        by_policy = any(one.statement.by.startswith(POLICY) for one in counted)
        return by_policy or approvals(counted) >= binds.quorum

    def _is_signed(self, decision: Decision, policy: str) -> bool:
        by = decision.statement.by
        by_policy = by.startswith(POLICY)
        keys = ([self.system] if by == f"{POLICY}{policy}" else []) if by_policy else self.keys(by)
        return any(decision.envelope.holds(key) for key in keys)


def _used(dossier: GateHistory, phase: str) -> Iterator[GateKey]:
    """Yield the gates of a phase at which a decision was used with which a run goes on."""
    used = [one for one in dossier.believed if one.consumed and one.passes]
    yield from (one.statement.gate for one in used if one.statement.gate.phase == phase)
