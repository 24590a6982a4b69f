"""Custody of managers' private keys: how their files are encrypted."""

from phasegate.keyholder.pkcs8 import COST, is_weak, seal_pem

__all__ = ["COST", "is_weak", "seal_pem"]
