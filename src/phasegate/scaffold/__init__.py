"""Files of a new target repository."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily
from phasegate.scaffold.target import (
    PACKAGE_SPEC,
    Approver,
    Aws,
    approvers,
    intent_spec,
    next_folder,
    package_name,
    scaffold,
    starter_spec,
)

if TYPE_CHECKING:
    from phasegate.scaffold.new_repository import NewRepository as NewRepository
    from phasegate.scaffold.new_repository import add_manager as add_manager
    from phasegate.scaffold.new_repository import create_repository as create_repository
    from phasegate.scaffold.root import establish_root as establish_root

__all__ = [
    "PACKAGE_SPEC",
    "Approver",
    "Aws",
    "approvers",
    "intent_spec",
    "next_folder",
    "package_name",
    "scaffold",
    "starter_spec",
]

__getattr__ = lazily(__name__, __file__)
