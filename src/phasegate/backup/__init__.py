"""Backups of a record, and their restoration."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.backup.restore import forget_runs as forget_runs


__getattr__ = lazily(__name__, __file__)
