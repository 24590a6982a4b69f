"""The first root of a repository, made with its first manager."""

from pathlib import Path

from phasegate.app.config import read_config
from phasegate.core import Clock
from phasegate.core.files import owner_folder
from phasegate.ledger import Signer, system_key
from phasegate.scaffold.new_repository import PHASEGATE, approvers_path
from phasegate.store import locate
from phasegate.trust import ROOTS, Trust, TrustStore, establish, list_approvers, proposed
from phasegate.workspace import Workspace
from phasegate.workspace.record import prepare


def establish_root(folder: Path, signer: Signer | None, clock: Clock, *, commit: bool = False) -> Trust:
    """Sign the working files as the first version of the repository's root, and pin it.

    Args:
        folder: the top of the repository.
        signer: the key of a manager whom its `phasegate.toml` lists; None: a demonstration without one, whose policy
            decides.
        clock: tells when.
        commit: whether the file with it is committed, too.

    Raises:
        Refused: `root_exists`, or `root_refused` where the key is not one of a listed manager.
        InvalidInput: the working files do not hold.
    """
    workspace = Workspace.open(folder)
    prepare(workspace)
    owner_folder(workspace.state, parents=True)
    system = system_key(workspace.state, in_use=locate(workspace.state).exists())
    wanted = proposed(workspace.folder, read_config(workspace.folder), system.public)
    trust = establish(TrustStore(workspace.state, workspace.folder), wanted, signer or system, clock.now())
    listed = approvers_path(read_config(workspace.folder))
    has_list = list_approvers(workspace.folder / listed, trust.chain)
    if commit:
        workspace.add(
            [ROOTS, *([listed] if has_list else [])], author=PHASEGATE, when=clock.now(), message="Root of trust"
        )
    return trust
