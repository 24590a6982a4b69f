"""Signing the root: its first version, those after it, and what waits for more than one manager."""

from datetime import datetime

from phasegate.core import Refused
from phasegate.ledger.signing.keys import Signer
from phasegate.ledger.signing.roots import Root, SignedRoot, sign_root
from phasegate.trust.changes import Proposal, next_root
from phasegate.trust.trust import Trust, TrustStore


def establish(store: TrustStore, wanted: Proposal, signer: Signer, now: datetime) -> Trust:
    """Write the first version of a repository's root under the key of a manager whom it names, and pin it.

    Raises:
        Refused: `root_exists`, or `root_refused` where the key is not one of its managers'.
    """
    return store.establish(sign_root(next_root(store.read(), wanted, now), signer))


def sign_next(store: TrustStore, wanted: Proposal, by: str, signer: Signer, now: datetime) -> Trust:
    """Sign the next version of the root, or the one that waits for more signatures where it says the same.

    Args:
        store: the repository's roots.
        wanted: what the next version says, as it was shown to the manager.
        by: the manager.
        signer: their key.
        now: when.

    Raises:
        Refused: `not_an_approver`, `bad_signature`, `nothing_to_sign`, or `root_refused`.
    """

    def make(trust: Trust) -> SignedRoot:
        key = trust.require().managers.get(by)
        if key is None:
            raise Refused(
                f"'{by}' is no manager of the root",
                reason="not_an_approver",
                fix="ask a manager: 'phasegate trust show'",
            )
        if key.key_id != signer.key_id:
            raise Refused(f"this is not the key of '{by}'", reason="bad_signature", fix="sign with your own key")
        return _signed(trust, next_root(trust, wanted, now), signer)

    return store.add(make)


def _signed(trust: Trust, root: Root, signer: Signer) -> SignedRoot:
    waiting, before = trust.chain.pending, trust.require()
    if _says(root) == _says(before):
        raise Refused("the working files say what the root says", reason="nothing_to_sign", fix="change them first")
    if waiting and _says(waiting.root) == _says(root):
        return waiting.with_signature(signer)
    return sign_root(root, signer)


def _says(root: Root) -> tuple[object, ...]:
    """Return all that a version says but which one it is, and of when."""
    return root.settings, root.files, root.phases, root.rules, root.system
