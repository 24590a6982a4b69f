"""A manager's comments, each held against the tree that they were made on."""

from phasegate.app.app import App
from phasegate.core import UsageError
from phasegate.ledger import Comment


def anchored(app: App, commit: str, path: str, line: int, text: str) -> Comment:
    """A comment at a line.

    Raises:
        UsageError: the gate's tree has no such file or line.
    """
    content = app.workspace.tree(commit).get(path)
    lines = 0 if content is None else len(content.splitlines())
    if not 1 <= line <= lines:
        has = f"has {lines} lines" if lines else "is not in this gate's tree"
        raise UsageError(f"comment '{path}:{line}': that file {has}", fix="name a line that 'phasegate gate' shows")
    return Comment(text=text, path=path, line=line)
