"""The words of a package's command."""

import argparse
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError

from .dates import moment
from .errors import Prerequisite, WrongUse
from .places import CHANGE_ROLE, READ_ROLE, Order
from .prices import PriceTable
from .runbook import Runbook, Verdict
from .tables import FORMATS

_EXIT_CODES = (
    "exit codes: 0 complete, 1 failed, 2 wrong use, 3 scan incomplete, 4 credentials or package missing, "
    "5 refused, 6 change failed or not verified, 7 found what --fail-on names"
)


def parser(package: str, runbooks: Mapping[str, Runbook]) -> argparse.ArgumentParser:
    """The parser of the command line, with a subcommand for each runbook."""
    made = argparse.ArgumentParser(
        prog=package.replace("_", "-"),
        description="Runbooks for AWS: each scans and reports; a change needs an approval.",
        epilog=_EXIT_CODES,
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {_version(package)}")
    commands = made.add_subparsers(dest="command", required=True, metavar="RUNBOOK")
    listing = commands.add_parser("list", help="list the runbooks")
    listing.add_argument("--json", action="store_true", help="as JSON")
    for runbook in runbooks.values():
        title = runbook.title.replace("%", "%%")
        added = commands.add_parser(runbook.name, help=title, description=title, epilog=_EXIT_CODES)
        _add_where(added)
        _add_how(added, runbook)
        if runbook.remediate:
            _add_apply(added)
    return made


def order(options: argparse.Namespace, prices: Path) -> Order:
    """Parsed command-line options.

    Args:
        options: As the parser read them.
        prices: The package's own price table.

    Raises:
        WrongUse: a time, a parameter, an account or a price table that cannot be read.
        Prerequisite: there is no such profile.
    """
    table = options.prices or prices
    return Order(
        now=_time(options.as_of),
        regions=tuple(options.region),
        except_regions=tuple(options.except_region),
        accounts=accounts(options.accounts),
        params=dict(_pair("--param", text) for text in options.param),
        prices=PriceTable.read(table) if options.prices or table.exists() else PriceTable(),
        session=session(options.profile),
        role=options.role,
        external_id=options.external_id,
        session_tags={name: str(value) for name, value in (_pair("--session-tag", t) for t in options.session_tag)},
    )


def log_level(options: argparse.Namespace, *, terminal: bool) -> int:
    """Set the level of messages on standard error: warnings, each place with `-v` or in a terminal, all with `-vv`."""
    return (logging.INFO if terminal else logging.WARNING, logging.INFO, logging.DEBUG)[min(options.verbose, 2)]


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--region", action="append", default=[], help="look here instead; may be given again")
    parser.add_argument(
        "--except-region", action="append", default=[], metavar="REGION", help="do not look here; may be given again"
    )
    parser.add_argument(
        "--accounts", metavar="IDS", help="look into these instead: 'current', 'organization', or ids with commas"
    )
    parser.add_argument("--profile", help="the AWS profile whose credentials to use")
    parser.add_argument(
        "--role",
        default="",
        help=f"the role to assume in other accounts (default: {READ_ROLE}; {CHANGE_ROLE} with --apply)",
    )
    parser.add_argument("--external-id", default="", metavar="ID", help="the external id that the role asks for")
    parser.add_argument(
        "--session-tag", action="append", default=[], metavar="KEY=VALUE", help="tags the role's session"
    )


def _add_how(parser: argparse.ArgumentParser, runbook: Runbook) -> None:
    parser.add_argument("--as-of", metavar="TIME", help="the time to judge by, ISO 8601 (default: now)")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help=_params_help(runbook))
    parser.add_argument("--prices", type=Path, metavar="FILE", help="a price table of your own")
    parser.add_argument("--output", choices=FORMATS, default="table", help="how to print it (default: %(default)s)")
    parser.add_argument("--json", action="store_const", const="json", dest="output", help="the same as --output json")
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        choices=[str(verdict) for verdict in Verdict],
        help="exit with 7 where there is such a finding; may be given again",
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say on standard error what is done")


def _add_apply(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="change what was approved (default: dry run)")
    parser.add_argument("--approval", type=Path, metavar="FILE", help="the signed approval of these findings")
    parser.add_argument(
        "--root", default="", metavar="FINGERPRINT", help="the package's root of trust, given once; then remembered"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="the action log")
    parser.add_argument("--state", type=Path, metavar="DIR", help="where used approvals are remembered")


def _params_help(runbook: Runbook) -> str:
    known = ", ".join(f"{name}={json.dumps(value)}" for name, value in runbook.params.items())
    return f"override a parameter ({known or 'it has none'})".replace("%", "%%")


def _version(package: str) -> str:
    try:
        return version(package.replace("_", "-"))
    except PackageNotFoundError:
        return "(not installed)"


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    found = moment(text)
    if found is None:
        raise WrongUse(f"--as-of {text!r} is no time; write it like 2026-11-18T20:10:00Z")
    return found


def accounts(text: str | None) -> str | tuple[str, ...]:
    """Parse `--accounts`: `current`, `organization`, or ids.

    Raises:
        WrongUse: it is none of these.
    """
    if text is None or text in ("current", "organization"):
        return text or ()
    ids = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    wrong = [entry for entry in ids if not (entry.isdigit() and len(entry) == 12)]
    if wrong or not ids:
        raise WrongUse(f"--accounts {text!r}: write 'current', 'organization', or ids of twelve digits with commas")
    return ids


def session(profile: str | None) -> boto3.Session | None:
    """Return a session with the credentials of a profile, or None where none is named.

    Raises:
        Prerequisite: there is no such profile.
    """
    try:
        return boto3.Session(profile_name=profile) if profile else None
    except BotoCoreError as error:
        raise Prerequisite(f"{error}; 'aws configure list-profiles' shows those that there are") from error


def _pair(option: str, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise WrongUse(f"{option} {text!r} is not of the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
