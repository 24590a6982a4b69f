"""Checks of code, and of the wheel that it is built to."""

import ast
import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from botocore import xform_name
from packaging.utils import canonicalize_name

from phasegate.authors.author import digests_path
from phasegate.authors.review import Check, Report, Subject
from phasegate.core import Finding, InvalidInput, Severity
from phasegate.core.python_source import parse_python
from phasegate.release import Builder, check_dependencies, read_project, verify_wheel
from phasegate.runbooks.language.aws import operations
from phasegate.runbooks.language.iam_actions import is_change

# Names with which code could reach AWS or the machine without the runtime seeing it.
_BEYOND = frozenset(
    ("boto3", "botocore", "subprocess", "socket", "ctypes", "importlib", "__import__", "eval", "exec", "__builtins__")
)
_TRIES = 3
_SEVERITY = {"LOW": Severity.low, "MEDIUM": Severity.high, "HIGH": Severity.critical}


async def bandit(subject: Subject) -> Report:
    """Run the security linter over the Python that this run wrote."""
    code = {path: text for path, text in subject.files.items() if path.startswith("src/") and path.endswith(".py")}
    changed = {path: text for path, text in code.items() if subject.since.get(path) != text}
    findings = await asyncio.to_thread(_scan, changed)
    return Report(findings=tuple(findings), evidence=f"{len(changed)} files looked at")


async def dependency_allow_list(subject: Subject) -> Report:
    """Hold what the package imports and declares against the allow-list."""
    allowed = subject.kind.allowed
    if allowed is None:
        return Report(findings=tuple(check_dependencies(subject.files)), evidence="boto3, botocore, jmespath")
    approved = (*allowed, *_approved_dependencies(subject.since))
    findings = check_dependencies(subject.files, allowed=approved, of=f"a {subject.kind.name}")
    return Report(findings=tuple(findings), evidence=", ".join(approved) or "none beside the standard library")


async def dry_run_default(subject: Subject) -> Report:
    """Find calls that change something without a `Change`, which the runtime hands out for a consumed approval."""
    path = f"src/{subject.facts.package}/runbooks/{subject.facts.module}.py"
    findings = tuple(
        Finding(
            check="dry-run-default",
            rule="changes-while-looking",
            severity=Severity.critical,
            path=path,
            line=line,
            message=message,
            fix="call it in a function that is given a Change, and through that alone",
        )
        for message, line in _strays(parse_python(subject.files[path]))
    )
    return Report(findings=findings, evidence="nothing changes without an approval")


def _approved_dependencies(since: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the names of the distributions that a person approved with the tree that was approved last."""
    project = read_project(since)
    return tuple(dict.fromkeys(canonicalize_name(found.name) for found in project.requirements))


def wheel_contents(builder: Builder) -> Check:
    """Make the check that builds the release anew and looks at every file of its wheel."""

    async def check(subject: Subject) -> Report:
        built = await builder.build(subject.files, at=subject.facts.midnight)
        findings = verify_wheel(built.wheel, subject.files)
        path = digests_path(built.project.version)
        if json.loads(subject.files.get(path, b"{}")) != built.digests:
            findings.append(
                Finding(
                    check="wheel-contents",
                    rule="other-bytes",
                    severity=Severity.critical,
                    path=path,
                    message="the digests in the draft are not those of what this tree builds to",
                    fix="draft the release again",
                )
            )
        name, size = built.project.wheel_name, len(built.wheel)
        return Report(findings=tuple(findings), evidence=f"{name}, {size:,} bytes, every file from this tree")

    return check


def _scan(files: dict[str, bytes]) -> list[Finding]:
    from bandit.core.config import BanditConfig  # imports its plug-ins, 0.3 s
    from bandit.core.manager import BanditManager

    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        for _ in range(_TRIES):
            # Bandit skips a file that it fails on, such as while another thread parses Python; marks that silence it
            # are the author's own, so they do not count.
            manager = BanditManager(BanditConfig(), "file", quiet=True, ignore_nosec=True)
            manager.discover_files([folder], recursive=True)
            manager.run_tests()
            if not manager.skipped:
                break
        return [
            *(_skipped(Path(name).relative_to(folder).as_posix(), why) for name, why in manager.skipped),
            *(
                Finding(
                    check="bandit",
                    rule=issue.test_id,
                    severity=_SEVERITY.get(issue.severity, Severity.low),
                    path=Path(issue.fname).relative_to(folder).as_posix(),
                    line=issue.lineno,
                    message=issue.text,
                    fix="write it another way",
                )
                for issue in manager.get_issue_list()
            ),
        ]


def _skipped(path: str, why: str) -> Finding:
    return Finding(
        check="bandit",
        rule="not-scanned",
        severity=Severity.high,
        path=path,
        line=0,
        message=f"'{path}' cannot be scanned: {why}",
        fix="write it so that Python can parse it",
    )


def _strays(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for name in sorted(_BEYOND.intersection(_names(node))):
            yield f"the module reaches for {name}, with which it could go around the runtime", line
        called = _called(node)
        if called and called[0] != "Change" and _changes(called[1], called[2]):
            yield f"{called[1]}.{called[2]} changes something and is called while looking", line


def _names(node: ast.AST) -> set[str]:
    """Return the names that a node imports or uses, of packages the first part alone."""
    match node:
        case ast.Import():
            return {alias.name.split(".")[0] for alias in node.names}
        case ast.ImportFrom():
            return {(node.module or "").split(".")[0], *(alias.name for alias in node.names)}
        case ast.Attribute():
            return {node.attr}
        case ast.Name():
            return {node.id}
    return set()


def _called(node: ast.AST) -> tuple[str, str, str] | None:
    """Return object, service and method of a call such as `change.make("ec2", "delete_volume", …)`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) > 1):
        return None
    service, method = node.args[0], node.args[1]
    if not (isinstance(service, ast.Constant) and isinstance(method, ast.Constant)):
        return None
    owner = node.func.value
    # By the name that generated code gives it; under another name the call counts as made while looking.
    made_on = "Change" if isinstance(owner, ast.Name) and owner.id == "change" else ""
    return made_on, str(service.value), str(method.value)


def _changes(service: str, method: str) -> bool:
    try:
        names = {xform_name(operation): operation for operation in operations(service)}
    except InvalidInput:
        return False
    return method in names and is_change(f"{service}.{names[method]}")
