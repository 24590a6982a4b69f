"""A first spec to write on: complete in form, open where only its author can know."""

import re
from collections.abc import Iterable

from phasegate.core import UsageError, one_line
from phasegate.scaffold.templates import filled

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FOLDER = re.compile(r"specs/(\d{3,})-[^/]+/")

_COMMON = set(
    re.findall(
        "[a-z]+",
        "all and any are been but can cost costs delete find for from get has have how into its list make more much "
        "nobody not nor one our over report show tag than that the their them then they this those was were what when "
        "where which who will with without you",
    )
)
"""Words of a wish that say little of what it is about."""


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


def intent_spec(folder: str, sentence: str, *, today: str) -> bytes:
    """Return the `spec.md` that says what somebody wants, of which the product owner makes a spec."""
    title = folder.rsplit("/", 1)[-1].partition("-")[2].replace("-", " ").capitalize()
    return filled("intent.md", title=title, today=today, sentence=one_line(sentence).replace('"', "'"))


def name_of(sentence: str) -> str:
    """Return a spec's name from the words of a sentence that say most.

    >>> name_of("Find RDS instances nobody has connected to for two weeks, and what they cost")
    'rds-instances-connected-two-weeks'

    Raises:
        UsageError: it has no word in Latin letters.
    """
    words = re.findall(r"[a-z][a-z0-9]*", sentence.lower())
    telling = [word for word in words if len(word) > 2 and word not in _COMMON] or words
    if not telling:
        raise UsageError(
            "the sentence has no word to name the spec by", fix="name it yourself: --name WORDS-WITH-HYPHENS"
        )
    return "-".join(telling[:5])[:60].strip("-")


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
