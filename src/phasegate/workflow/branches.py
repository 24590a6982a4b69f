"""Branch of a run, put back where the record says, with what was there instead kept."""

from phasegate.workflow.state import branch
from phasegate.workspace import Workspace


def put_back(workspace: Workspace, run: str, commit: str, before: str = "") -> str:
    """Points the run's branch at a commit, and keeps what is there instead and is not the run's.

    A commit is believed for its place in the record, never for its author: anybody can commit in the system's name. So
    commits beyond the record are kept aside, even those that this very run once made; it makes the same ones again.

    Args:
        workspace: where.
        run: its id.
        commit: where the record says that the branch is.
        before: where it may be otherwise: the commit that this one follows.

    Returns:
        The reference that a foreign commit was kept under; empty where there was none.
    """
    tip, kept = workspace.tip(branch(run)), ""
    if tip not in ("", commit, before):
        kept = _kept(workspace, run, tip)
    if tip != commit:
        workspace.point(branch(run), commit)
    workspace.keep(run, commit)  # so that nothing is lost with a branch that somebody deletes
    return kept


def _kept(workspace: Workspace, run: str, commit: str) -> str:
    number = 1
    # A node that runs again after a crash finds the same commit under its number, and makes no second reference.
    while workspace.marked(f"foreign/{run}/{number}") not in (None, commit):
        number += 1
    workspace.mark(f"foreign/{run}/{number}", commit)
    return f"refs/phasegate/foreign/{run}/{number}"
