"""Keys, signed statements, bundles and their proof."""

from phasegate.ledger.signing.intoto import GATE_APPROVAL

__all__ = ["GATE_APPROVAL"]
