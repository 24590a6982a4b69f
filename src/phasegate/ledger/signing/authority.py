"""Authority over the gates of a bundle: its roots, and the keys that the verifier was given."""

from collections.abc import Mapping, Sequence
from typing import Any

from phasegate.ledger.signing.bundle import Bundle
from phasegate.ledger.signing.claims import Claim
from phasegate.ledger.signing.keys import PublicKey
from phasegate.ledger.signing.people import Known, People
from phasegate.ledger.signing.roots import SignedRoot, follow

_NOBODY = People(())
_SHORT = 16


class Authority:
    """Judge of who could decide at a gate, and under which rules."""

    def __init__(self, bundle: Bundle, given: People | None, fingerprint: str) -> None:
        """Take what a verifier was given.

        Args:
            bundle: what is verified.
            given: keys of the managers, as they published them; None: those whom its roots name.
            fingerprint: SHA-256 of the repository's first root, as a manager told it; empty: it was not given.
        """
        self._bundle = bundle
        self._given = given
        self._fingerprint = fingerprint.removeprefix("SHA256:").lower()
        self._chain = follow(bundle.roots)

    def claim(self) -> Claim | None:
        """Return whether the roots are the known ones, or None where there are none and none was asked for."""
        chain = self._chain
        if not self._bundle.roots and not self._fingerprint:
            return None
        wrong = chain.wrong or ("its last version waits for signatures" if chain.pending else "")
        if not wrong and self._fingerprint not in ("", chain.fingerprint):
            wrong = f"the bundle's is {chain.fingerprint or 'missing'}"
        told = f"version {len(chain.versions)} of {chain.fingerprint}"
        if self._fingerprint:
            text = f"the root of trust is {self._fingerprint}, and each later version was signed under the one before"
            return Claim(text=text, holds=not wrong, detail=wrong or f"version {len(chain.versions)}")
        text = "each version of the root of trust was signed under the one before"
        return Claim(text=text, holds=not wrong, detail=wrong or f"{told}, which nobody compared")

    def people(self, binds: Mapping[str, Any]) -> People:
        """Return whose signature counts at a gate."""
        version = self._version(binds)
        if version is None:
            return self._given or _NOBODY
        named = [Known(key, name) for name, key in version.root.managers.items()]
        if self._given is not None:
            # Both have to know a person: the keys that a verifier was given may be older than the newest root.
            named = [known for known in named if _is_given(self._given, known)]
        return People(named)

    def keys_of(self, name: str) -> Sequence[PublicKey]:
        """Return the keys that any version of the root names for a person, or those given where there is no root."""
        versions = self._chain.versions
        if not versions:
            return self._given.keys_of(name) if self._given else ()
        return [each.root.managers[name] for each in versions if name in each.root.managers]

    def objection(self, binds: Mapping[str, Any], rules: Any, before: Mapping[str, Any] | None) -> str:
        """Return why a gate was not opened as the root says, or an empty string.

        Args:
            binds: what its decisions are bound to.
            rules: of the gate, as its event tells.
            before: what the gate before it is bound to, or None.
        """
        if not binds.get("root"):
            # From before there was one: the manager whose key was given signed just that.
            return "" if not self._fingerprint and self._given is not None else "no root of trust is bound to it"
        version = self._version(binds)
        if version is None:
            return "it was opened under a root of trust that is not the bundle's"
        if before and self._place(before) > self._place(binds):
            return "it was opened under an older version of the root than the gate before it"
        root, phase = version.root, str(binds["gate"]).split("/")[-2]
        if str(self._bundle.system) not in root.system:
            return "the root of trust does not name the system's key"
        signed = root.rules.get(phase)
        same = signed is not None and rules == signed and binds["quorum"] == signed["quorum"]
        if not same or binds["phases"] != list(root.phases):
            return "its phases or rules are not those that managers signed"
        keys = {name: str(key) for name, key in root.managers.items()}
        listed = {**binds["approvers"], **binds["delegates"]}
        return "" if listed.items() <= keys.items() else "it lists others than the managers whom the root names"

    def begun(self, terms: Mapping[str, Any]) -> str:
        """Return why a run did not begin under the root, or an empty string."""
        first = terms.get("root", "")
        return "" if first in ("", self._chain.fingerprint) else f"the run began under root {str(first)[:_SHORT]}"

    def _version(self, binds: Mapping[str, Any]) -> SignedRoot | None:
        return next((each for each in self._chain.versions if each.digest == binds.get("root")), None)

    def _place(self, binds: Mapping[str, Any]) -> int:
        digests = self._chain.digests
        return digests.index(binds["root"]) if binds.get("root") in digests else -1


def _is_given(given: People, known: Known) -> bool:
    """Return whether a key was given, for the same person or for nobody."""
    found = given.of(known.key.key_id)
    return found is not None and found.name in ("", known.name)
