"""A first spec to write on: complete in form, open where only its author can know."""

import re
from collections.abc import Iterable

from phasegate.core import UsageError
from phasegate.scaffold.templates import filled

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FOLDER = re.compile(r"specs/(\d{3,})-[^/]+/")


def starter_spec(folder: str, *, today: str) -> dict[str, bytes]:
    """`spec.md` and `runbook.yaml` for a new spec.

    Args:
        folder: such as `specs/002-idle-load-balancers`; see `next_folder`.
        today: the date of its creation, YYYY-MM-DD.
    """
    branch = folder.rsplit("/", 1)[-1]
    title = branch.partition("-")[2].replace("-", " ").capitalize()
    variables = {"branch": branch, "title": title, "today": today}
    return {
        f"{folder}/spec.md": filled("spec.md", **variables),
        f"{folder}/runbook.yaml": filled("runbook.yaml", **variables),
    }


def next_folder(name: str, paths: Iterable[str]) -> str:
    """The folder for a new spec: the next free number, and its name.

    >>> next_folder("idle-load-balancers", ["specs/001-unattached-ebs-volumes/spec.md"])
    'specs/002-idle-load-balancers'

    Args:
        name: words in lower case, joined by hyphens.
        paths: the files of the repository.

    Raises:
        UsageError: the name is of another form.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a spec", fix="use words in lower case joined by hyphens")
    taken = [int(match[1]) for path in paths if (match := _FOLDER.match(path))]
    return f"specs/{max(taken, default=0) + 1:03}-{name}"
