"""The command of a runbooks package: lists its runbooks, scans, and applies what was approved.

Exit codes: 0 the scan is complete, findings or none; the others are in `errors`.
"""

import argparse
import importlib
import json
import logging
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .engine import run
from .errors import Found, Incomplete, Refused, RunbookError, Unfinished, WrongUse
from .log import ActionLog
from .options import log_level, order, parser
from .places import Order
from .remediation import apply, summary
from .roots import trusted_approvers
from .runbook import Report, Runbook
from .tables import csv_text, html_text
from .text import list_text, outcome_text, report_text, unfinished_text


def main(package: str, argv: Sequence[str] | None = None) -> int:
    """Run the command of the package, and return its exit code.

    Errors are printed without a traceback.
    """
    try:
        runbooks = discover(package)
        options = parser(package, runbooks).parse_args(argv)
        if options.command == "list":
            return _list(runbooks, as_json=options.json)
        with _logging(log_level(options, terminal=sys.stderr.isatty())):
            return _one(package, runbooks[options.command], options)
    except RunbookError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except SystemExit as stop:
        return int(stop.code or 0)


def discover(package: str) -> dict[str, Runbook]:
    """Every runbook of the package, by name."""
    folder = importlib.import_module(f"{package}.runbooks")
    modules = (
        importlib.import_module(f"{folder.__name__}.{found.name}") for found in pkgutil.iter_modules(folder.__path__)
    )
    runbooks = (module.RUNBOOK for module in modules if isinstance(getattr(module, "RUNBOOK", None), Runbook))
    return {runbook.name: runbook for runbook in sorted(runbooks, key=lambda runbook: runbook.name)}


@contextmanager
def _logging(level: int) -> Iterator[None]:
    """Print progress on standard error while the command runs."""
    logger, handler = logging.getLogger(__package__), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


def _list(runbooks: Mapping[str, Runbook], *, as_json: bool) -> int:
    about = [_about(runbook) for runbook in runbooks.values()]
    print(_as_json(about) if as_json else list_text(runbooks.values()))
    return 0


def _about(runbook: Runbook) -> dict[str, Any]:
    return {
        "name": runbook.name,
        "title": runbook.title,
        "kind": runbook.kind,
        "severity": runbook.severity,
        "schedule": runbook.schedule,
        "acts": runbook.remediate is not None,
    }


def _one(package: str, runbook: Runbook, options: argparse.Namespace) -> int:
    asked = order(options, _package_folder(package) / "prices.json")
    if getattr(options, "apply", False):
        return _apply(package, runbook, asked, options)
    if runbook.remediate:
        _tell_unfinished(_log(package, options).unfinished())
    report = run(runbook, asked)
    print(_REPORTS[options.output](report))
    return _exit_code(report, options.fail_on)


_REPORTS = {
    "table": lambda report: report_text(report),
    "json": lambda report: _as_json(report.document()),
    "csv": lambda report: csv_text(report),
    "html": lambda report: html_text(report),
}


def _apply(package: str, runbook: Runbook, asked: Order, options: argparse.Namespace) -> int:
    if options.approval is None:
        raise Refused("--apply needs --approval FILE, signed for these findings", reason="no-approval")
    # Another time than now would get around the expiry of the approval and the guard's window.
    if options.as_of:
        raise WrongUse("--apply judges by the clock; leave --as-of out")
    if options.output not in ("table", "json"):
        raise WrongUse("--apply prints a table or JSON")
    outcome = apply(
        runbook,
        asked,
        approval=_read(options.approval),
        approvers=trusted_approvers(
            _package_folder(package) / "approvers.json", options.root, _state(package, options) / "root.json"
        ),
        log=_log(package, options).path,
        state=_state(package, options) / "approvals",
    )
    _tell_unfinished(outcome.unfinished)
    print(_as_json(summary(outcome)) if options.output == "json" else outcome_text(outcome))
    if not outcome.finished:
        return Unfinished.exit_code
    return Incomplete.exit_code if outcome.gaps else 0


def _tell_unfinished(lines: Sequence[Mapping[str, Any]]) -> None:
    if lines:
        print(unfinished_text(lines), file=sys.stderr)


def _exit_code(report: Report, fail_on: Sequence[str]) -> int:
    if report.errors:
        return Incomplete.exit_code
    return Found.exit_code if any(str(finding.verdict) in fail_on for finding in report.findings) else 0


def _as_json(document: Any) -> str:
    return json.dumps(document, indent=2, default=str)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongUse(f"the approval cannot be read: {error}") from error


def _package_folder(package: str) -> Path:
    return Path(str(importlib.import_module(package).__file__)).parent


def _log(package: str, options: argparse.Namespace) -> ActionLog:
    return ActionLog(options.log or _state(package, options) / "actions.jsonl")


def _state(package: str, options: argparse.Namespace) -> Path:
    home = os.environ.get("XDG_STATE_HOME")
    return options.state or (Path(home) if home else Path.home() / ".local" / "state") / package
