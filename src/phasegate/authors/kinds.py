"""Kinds of deliverable that there are, chosen by what the spec's folder contains.

Functions import what they read with, because most commands only need to know the kind: AWS's service models and the
compiler take a second to load.
"""

import re
from collections.abc import Mapping

from phasegate.authors.deliverable import Deliverable
from phasegate.authors.review import CHECKS
from phasegate.core import Finding, Severity

RUNBOOK_FILE = "runbook.yaml"
_SPEC_FILE = "spec.md"
_DECLARED = re.compile(rb"^\*\*Deliverable\*\*:[ \t]*(.+)$", re.MULTILINE)
_INTENT = re.compile(rb"^\*\*Status\*\*:[ \t]*Intent[ \t]*$", re.MULTILINE)
_JUDGE_DOCUMENTS = {"spec-lint", "trace", "criteria-coverage"}
_JUDGE_RUNBOOKS = {
    "runbook-lint",
    "least-privilege",
    "destructive-action",
    "snapshot-before-change",
    "dry-run-default",
    "inventory",
}


def runbook_path(spec: str) -> str:
    """Return the path of a spec's runbook."""
    return f"{spec}/{RUNBOOK_FILE}"


def kind_of(files: Mapping[str, bytes], spec: str) -> Deliverable:
    """Return the kind of a spec: the one that spec.md declares, else by the files of its folder.

    >>> kind_of({"specs/001-a/spec.md": b"", "specs/001-a/runbook.yaml": b""}, "specs/001-a").name
    'runbook spec'
    >>> kind_of({"specs/001-a/spec.md": b"**Deliverable**: runbook spec"}, "specs/001-a").name
    'runbook spec'
    >>> kind_of({"specs/001-a/spec.md": b""}, "specs/001-a").name
    'documents spec'
    >>> kind_of({"specs/001-a/spec.md": b"**Deliverable**: package spec"}, "specs/001-a").name
    'package spec'
    """
    declared = _DECLARED.search(files.get(f"{spec}/{_SPEC_FILE}", b""))
    name = declared[1].decode(errors="replace").strip().lower() if declared else ""
    by_name = next((kind for kind in KINDS if kind.name == name), None)
    return by_name or next(kind for kind in KINDS if not kind.source or f"{spec}/{kind.source}" in files)


def is_intent(files: Mapping[str, bytes], spec: str) -> bool:
    """Return whether spec.md is a wish in a sentence that an author has yet to make a spec of."""
    return bool(_INTENT.search(files.get(f"{spec}/{_SPEC_FILE}", b"")))


def _lint_runbook(files: Mapping[str, bytes], spec: str) -> list[Finding]:
    from phasegate.runbooks import load
    from phasegate.runbooks.compiler.agreement import agreement
    from phasegate.runbooks.language.lint import lint
    from phasegate.spec import lint_spec, read_spec

    path = runbook_path(spec)
    if path not in files:
        return [*lint_spec(files, spec), _missing(path)]
    text = files[path].decode("utf-8", "replace")
    found = [*lint_spec(files, spec), *lint(text, path)]
    if any(finding.blocking for finding in found):
        return found
    return [*found, *agreement(read_spec(files, spec), load(text, path))]


def _missing(path: str) -> Finding:
    return Finding(
        check="runbook-lint",
        rule="missing-runbook",
        severity=Severity.high,
        path=path,
        message=f"there is no {path}, which says what spec.md asks for so that it can be compiled",
        fix=f"write {path} (docs/runbook-language.md)",
    )


def _runbook_risk(files: Mapping[str, bytes], spec: str) -> tuple[Severity, bool]:
    from phasegate.runbooks import load
    from phasegate.runbooks.language.iam_actions import is_destructive

    path = runbook_path(spec)
    runbook = load(files[path].decode(), path)
    return Severity(runbook.severity), any(is_destructive(action.op) for action in runbook.action)


def _lint_documents(files: Mapping[str, bytes], spec: str) -> list[Finding]:
    from phasegate.spec import lint_spec

    return lint_spec(files, spec)


def _documents_risk(files: Mapping[str, bytes], spec: str) -> tuple[Severity, bool]:
    from phasegate.spec import read_spec

    risk = read_spec(files, spec).risk
    declared = risk.severity if risk else ""
    # A policy passes gates up to a risk: what nobody declared must pass none.
    return (Severity(declared) if declared in list(Severity) else Severity.critical), False


RUNBOOK = Deliverable(
    name="runbook spec",
    source=RUNBOOK_FILE,
    tests=("tests/runbooks/test_{module}.py",),
    code=("src/{package}/runbooks/{module}.py",),
    skips=frozenset(("approved-tests",)),  # its tests are written beside its code, by the same compiler
    compiled=frozenset(("spec", "plan", "test-plan", "tasks", "code", "tests", "docs", "release")),
    built=frozenset(("code", "tests", "release")),
    lint=_lint_runbook,
    risk=_runbook_risk,
)
DOCUMENTS = Deliverable(
    name="documents spec",
    files=("{spec}/*", "docs/*"),  # no code: none of the checks that hold code applies
    skips=frozenset(CHECKS) - _JUDGE_DOCUMENTS,
    lint=_lint_documents,
    risk=_documents_risk,
)
PACKAGE = Deliverable(
    name="package spec",
    product="released Python package",
    prompts="package",
    tests=("tests/{module}/test_*.py",),
    code=("src/{package}/*.py",),
    allowed=(),
    skips=frozenset(_JUDGE_RUNBOOKS),
    tried=frozenset(("code",)),
    compiled=frozenset(("release",)),
    built=frozenset(("release",)),
    lint=_lint_documents,
    risk=_documents_risk,
)
KINDS = (RUNBOOK, DOCUMENTS, PACKAGE)
"""In the order in which they are looked for by their files; one behind the first that needs none is always declared."""
