"""The command of a runbooks package: lists its runbooks, scans, and applies what was approved.

Exit codes: 0 the scan is complete, findings or none; the others are in `errors`.
"""

import argparse
import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .dates import moment
from .engine import DEFAULT_ROLE, Order, run
from .errors import Incomplete, Refused, RunbookError, Unfinished, WrongUse
from .prices import PriceTable
from .remediation import apply, summary
from .runbook import Report, Runbook
from .text import list_text, outcome_text, report_text


def main(package: str, argv: Sequence[str] | None = None) -> int:
    """Runs the command of the package; gives the exit code, and prints what went wrong without a traceback."""
    try:
        runbooks = discover(package)
        options = _parser(package, runbooks).parse_args(argv)
        if options.command == "list":
            return _list(runbooks, as_json=options.json)
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


def _parser(package: str, runbooks: Mapping[str, Runbook]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=package.replace("_", "-"),
        description="Runbooks for AWS: each scans and reports; a change needs an approval.",
        epilog="exit codes: 0 complete, 1 failed, 2 wrong use, 3 scan incomplete, 4 credentials or package missing, "
        "5 refused, 6 change failed or not verified",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="RUNBOOK")
    listing = commands.add_parser("list", help="list the runbooks")
    listing.add_argument("--json", action="store_true", help="as JSON")
    for runbook in runbooks.values():
        _add_options(commands.add_parser(runbook.name, help=runbook.title.replace("%", "%%")), runbook)
    return parser


def _add_options(parser: argparse.ArgumentParser, runbook: Runbook) -> None:
    parser.add_argument("--region", action="append", default=[], help="look here instead; may be given again")
    parser.add_argument("--as-of", metavar="TIME", help="the time to judge by, ISO 8601 (default: now)")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help=_params_help(runbook))
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--prices", type=Path, metavar="FILE", help="a price table of your own")
    parser.add_argument(
        "--role", default=DEFAULT_ROLE, help="the role to assume in other accounts (default: %(default)s)"
    )
    if runbook.remediate:
        parser.add_argument("--apply", action="store_true", help="change what was approved (default: dry run)")
        parser.add_argument("--approval", type=Path, metavar="FILE", help="the signed approval of these findings")
        parser.add_argument("--log", type=Path, metavar="FILE", help="the action log")
        parser.add_argument("--state", type=Path, metavar="DIR", help="where used approvals are remembered")


def _params_help(runbook: Runbook) -> str:
    known = ", ".join(f"{name}={json.dumps(value)}" for name, value in runbook.params.items())
    return f"override a parameter ({known or 'it has none'})".replace("%", "%%")


def _list(runbooks: Mapping[str, Runbook], *, as_json: bool) -> int:
    _show([_about(runbook) for runbook in runbooks.values()], list_text(runbooks.values()), as_json=as_json)
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
    order = _order(package, options)
    if getattr(options, "apply", False):
        return _apply(package, runbook, order, options)
    report = run(runbook, order)
    _show(report.document(), report_text(report), as_json=options.json)
    return _exit_code(report)


def _apply(package: str, runbook: Runbook, order: Order, options: argparse.Namespace) -> int:
    if options.approval is None:
        raise Refused("--apply needs --approval FILE, signed for exactly these findings", reason="no-approval")
    if options.as_of:
        raise WrongUse("--apply judges by the clock; leave --as-of out")
    state = options.state or _state_folder(package)
    outcome = apply(
        runbook,
        order,
        approval=_read(options.approval),
        approvers=_package_folder(package) / "approvers.json",
        log=options.log or state / "actions.jsonl",
        state=state / "approvals",
    )
    _show(summary(outcome), outcome_text(outcome), as_json=options.json)
    return _exit_code(outcome.report) if outcome.finished else Unfinished.exit_code


def _exit_code(report: Report) -> int:
    return Incomplete.exit_code if report.errors else 0


def _show(document: Any, text: str, *, as_json: bool) -> None:
    print(json.dumps(document, indent=2, default=str) if as_json else text)


def _order(package: str, options: argparse.Namespace) -> Order:
    table = options.prices or _package_folder(package) / "prices.json"
    return Order(
        now=_time(options.as_of),
        regions=tuple(options.region),
        params=dict(_param(text) for text in options.param),
        prices=PriceTable.read(table) if options.prices or table.exists() else PriceTable(),
        role=options.role,
    )


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    found = moment(text)
    if found is None:
        raise WrongUse(f"--as-of {text!r} is no time; write it like 2026-11-18T20:10:00Z")
    return found


def _param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise WrongUse(f"--param {text!r} is not of the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongUse(f"the approval cannot be read: {error}") from error


def _package_folder(package: str) -> Path:
    return Path(str(importlib.import_module(package).__file__)).parent


def _state_folder(package: str) -> Path:
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / package
