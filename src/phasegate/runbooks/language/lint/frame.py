"""Everything around the detection: scope, evidence, cost, guard, schedule."""

import re
from collections.abc import Callable

from phasegate.core.findings import Severity
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.cron import check_cron
from phasegate.runbooks.language.lint import expressions
from phasegate.runbooks.language.lint.regions import check_region
from phasegate.runbooks.language.lint.source import Node, Report, misread_boolean
from phasegate.runbooks.language.lint.types import Record, Type
from phasegate.runbooks.language.row_shapes import CREATED
from phasegate.runbooks.runtime.hours import Window
from phasegate.runbooks.runtime.zones import zone

_ACCOUNT = re.compile(r"\d{12}")
_PLACE = re.compile(r"\{([^{}]*)\}")


def check_frame(report: Report, root: Node, item: Type) -> None:
    """Check scope, evidence, cost, guard and schedule."""
    _booleans(report, root)
    _regions(report, root)
    _accounts(report, root)
    for entry in root.each("evidence"):
        expressions.check(report, entry, item)
    _cost(report, root, item)
    _min_age(report, root, item)
    _text_that_holds(report, root.get("guard", "window"), "window", _window, _WINDOW)
    _text_that_holds(report, root.get("schedule"), "schedule", check_cron, _SCHEDULE)


def _booleans(report: Report, root: Node) -> None:
    for node in root.walk():
        if misread_boolean(node):
            read = str(node.value).lower()
            message = f"YAML reads a bare {node.raw!r} as {read}"
            fix = f'write "{node.raw}" in quotes for the text, or {read} for the truth value'
            report.add("yaml-boolean", Severity.high, node, message, fix)


def _regions(report: Report, root: Node) -> None:
    regions = root.get("scope", "regions")
    if regions is None or regions.value in ("all", "global"):
        _asked_everywhere(report, root, regions)
        return
    for region in regions.each():
        if region.value not in aws.regions():
            fix = aws.suggest(str(region.value), ["all", "global", *aws.regions()])
            report.add("unknown-region", Severity.high, region, f"AWS has no region {region.raw!r}", fix)
    # In one named region even a global service gives each finding once.
    if len(regions.each()) > 1:
        _asked_everywhere(report, root, regions)


def _asked_everywhere(report: Report, root: Node, regions: Node | None) -> None:
    """A service that answers for the whole account would give every finding once a region."""
    name = next((step.operation for step in root.each("list")), "")
    service = name.partition(".")[0]
    if regions is None or regions.value == "global" or service not in aws.services():
        return
    # S3 is regional in botocore's data, yet lists the buckets of all regions.
    if aws.is_global(service) or name == "s3.ListBuckets":
        message = f"{name} answers for the whole account: every region would report the same"
        report.add("asked-everywhere", Severity.medium, regions, message, "write scope: {regions: global}")


def _accounts(report: Report, root: Node) -> None:
    accounts = root.get("scope", "accounts")
    if accounts is None or accounts.value in ("current", "organization"):
        return
    for account in accounts.each():
        if not isinstance(account.value, str):
            fix = f'put it in quotes: "{account.raw}"'
            report.add("account-id", Severity.high, account, f"YAML reads the account {account.raw} as a number", fix)
        elif not _ACCOUNT.fullmatch(account.value):
            fix = "write current, organization, or a list of ids of twelve digits in quotes"
            report.add("account-id", Severity.high, account, f"{account.value!r} is no account id", fix)


def _cost(report: Report, root: Node, item: Type) -> None:
    for cost in root.each("cost"):
        unit = cost.get("unit")
        if unit and isinstance(unit.value, str):
            for place in _PLACE.findall(unit.value):
                expressions.check(report, unit, item, text=place)
        for part in (cost.get("quantity"), cost.get("when")):
            if part and isinstance(part.value, str):
                expressions.check(report, part, item)
        check_region(report, cost.get("region"), item)


def _min_age(report: Report, root: Node, item: Type) -> None:
    asked = root.get("guard", "min_age_days")
    if asked is not None and not (isinstance(item, Record) and any(name in item.members for name in CREATED)):
        message = "the listing does not say when an item was made, so the guard cannot know its age"
        report.add("guard-age", Severity.high, asked, message, "take it out, and test the age in match")


def _text_that_holds(report: Report, node: Node | None, rule: str, check: Callable[[str], object], fix: str) -> None:
    if node is not None:
        try:
            check(str(node.value))
        except ValueError as error:
            report.add(rule, Severity.high, node, str(error), fix)


def _window(text: str) -> None:
    """Refuse a window that cannot be read, or whose time zone nobody knows: it would never open."""
    zone(Window.read(text).zone)


_WINDOW = 'write days, hours and a zone: "Mon-Fri 08:00-17:00 UTC"'
_SCHEDULE = 'write minute, hour, day, month and weekday, in UTC: "0 6 * * 1-5"'
