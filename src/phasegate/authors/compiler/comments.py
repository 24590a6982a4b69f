"""Compiler's answers to a manager's comments: some it can follow, and of the others it says so."""

import io
import re
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from phasegate.authors.author import Brief
from phasegate.authors.record import with_record
from phasegate.runbooks.language.lint import lint

_SET = re.compile(r"(?:^|:\s*)set\s+([a-z_]+(?:\.[A-Za-z0-9_]+)*)\s*=\s*(\S.*)$")


class Followed(NamedTuple):
    """A runbook after a comment, and what to answer."""

    text: str
    answer: str


def follow(runbook: str, path: str, comment: str) -> Followed:
    """Follow a comment such as `set guard.max_changes = 10`, and keep any other as a clarification of the spec.

    Args:
        runbook: the text of runbook.yaml; its comments and order are kept.
        path: its name in findings.
        comment: the manager's words.
    """
    asked = _SET.search(comment.strip())
    if asked is None:
        return Followed(
            runbook,
            "Kept as a clarification in spec.md. The compiler builds what runbook.yaml says: edit that file and "
            "request changes again, or write a comment such as 'set guard.max_changes = 10'.",
        )
    return _set(runbook, path, asked[1], asked[2])


def _set(runbook: str, path: str, key: str, value: str) -> Followed:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # what the author wrote on one line stays on one line
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        document, new = yaml.load(runbook), YAML(typ="safe").load(value)
        parent, last = document, key.split(".")[-1]
        for name in key.split(".")[:-1]:
            parent = parent[name]
        before = parent[last]
        parent[last] = new
    except (YAMLError, KeyError, TypeError):
        return Followed(runbook, f"Not followed: runbook.yaml has no '{key}', or '{value}' is not a YAML value.")
    written = io.StringIO()
    yaml.dump(document, written)
    broken = [finding for finding in lint(written.getvalue(), path) if finding.blocking]
    if broken:
        return Followed(runbook, f"Not followed: with '{key}' set to {value}, {broken[0].message}.")
    return Followed(written.getvalue(), f"Done: '{key}' in runbook.yaml went from {before} to {new}.")


def answered(brief: Brief) -> tuple[str, ...]:
    """Answer for a phase after the first one, whose artifacts follow from what was approved before."""
    answer = (
        f"Kept on record here. This document follows from {brief.facts.spec}/spec.md and runbook.yaml, which are "
        "approved: to change what it says, reject this run, edit those files and start again."
    )
    return (answer,) * len(brief.comments)


def recorded(brief: Brief, path: str, text: str) -> bytes:
    """Return a document with the comments on record at its end, after those of earlier attempts at `path`."""
    before = brief.files.get(path, b"").decode()
    return with_record(text, before, brief.comments, answered(brief)).encode()
