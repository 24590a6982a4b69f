"""Lint of well-formed parts that mean something else than they seem to."""

import re
from collections.abc import Iterator
from itertools import pairwise

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Severity
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.lint.source import Node, Report
from phasegate.runbooks.language.lint.types import Many, Record, Table, Type, described
from phasegate.runbooks.runtime.zones import UnknownZone, zone

_SECONDS_A_DAY = 86_400
_LATE_DATE = re.compile(r"(?:age_days|days_until)\(\s*([A-Za-z.]*?\b(?:[A-Za-z]*LastUsed\w*|[Ll]ast[A-Z]\w*))\s*\)")
_ZONE = re.compile(r"off_now\([^()]*(?:\([^()]*\)[^()]*)*,\s*'([^']*)'\s*\)")
_JUDGING = ("where", "match", "warn", "skip")
_NOT_GONE = re.compile(r"(?i)denied|unauthori|forbidden|throttl|limitexceeded|expired|internal|unavailable|timeout")
_TRANSIENT = re.compile(r"(Stop|Start|Reboot)[A-Z]")


def check_meaning(report: Report, root: Node) -> None:
    """Check a runbook as a whole."""
    for node, text in _written(root):
        _zones(report, node, text)
    for key in _JUDGING:
        judging = root.get(key)
        if judging is not None and isinstance(judging.value, str):
            _late_dates(report, judging, judging.value)
    _first_datapoints(report, root)
    _images(report, root)
    _unwaited(report, root)
    _empty_undo(report, root)


def check_values(report: Report, node: Node, value: Type, *, has_row: bool) -> None:
    """Report values of a `set` that are structures, which no id equals."""
    if has_row and isinstance(value, Record | Table | Many):
        message = (
            f"the set would hold {described(value)} for each row, which no id equals: everything would seem unused"
        )
        fix = "add select: with the field that holds the id, such as select: ImageId; for ids in a list, Names[].Id"
        report.add("set-of-structures", Severity.high, node, message, fix)


def check_ids(report: Report, entry: Node) -> None:
    """Report a joined listing by `=_ids` that sends more ids than are taken, or whose limit nobody tells."""
    step, size = entry.each("list")[0], entry.get("size")
    try:
        found = aws.operation(step.operation)
    except InvalidInput:
        return  # told already
    for name, value in step.items("params").items():
        if value.value != "=_ids" or name not in found.inputs:
            continue
        most = found.most_of(name)
        if size is not None:
            _check_most(report, size, found, name, "size")
        elif most is None:
            message = f"{found} may take fewer {name} than the 100 that are sent; its model does not say how many"
            fix = "write size: beside by:, as many as the AWS API reference says"
            report.add("ids-a-call", Severity.medium, step, message, fix, about=name)


def check_size(report: Report, node: Node, found: aws.Operation, key: str) -> None:
    """A batch that is larger than what the operation takes."""
    size = node.get(key)
    if size is not None:
        _check_most(report, size, found, node.text("param"), key)


def _check_most(report: Report, size: Node, found: aws.Operation, param: str, key: str) -> None:
    most = found.most_of(param)
    if most is not None and isinstance(size.value, int) and size.value > most:
        message = f"{found} takes {most} {param} a call, not {size.value}"
        report.add("batch-size", Severity.high, size, message, f"write {key}: {most}")


def check_gone(report: Report, step: Node) -> None:
    """Report error codes of a step that say that AWS did not let us look, which is not that something is gone."""
    for code in step.each("on_error"):
        if _NOT_GONE.search(str(code.value)):
            message = f"{code.value} says that the call was not answered, not that the row is gone"
            fix = "leave it out: a scan that could not look has to say so"
            report.add("hides-failure", Severity.high, code, message, fix)


def _written(root: Node) -> Iterator[tuple[Node, str]]:
    for node in root.walk():
        if isinstance(node.value, str):
            yield node, node.value


def _zones(report: Report, node: Node, text: str) -> None:
    for name in _ZONE.findall(text):
        try:
            zone(name)
        except UnknownZone:
            message = f"there is no time zone {name!r}: every verdict would be unknown"
            report.add(
                "zone", Severity.high, node, message, "write 'utc', or a zone such as 'Europe/Berlin'", about=name
            )


def _late_dates(report: Report, node: Node, text: str) -> None:
    """Report times that AWS leaves out until something happens, and so are missing on items never used."""
    for field in _LATE_DATE.findall(text):
        # A field that stands twice is most likely tested for null as well.
        if text.count(field) == 1:
            message = (
                f"{field} is null for what was never used, and null is neither older nor younger: it does not match"
            )
            fix = f"say what is meant: {field} == null || …, or {field} != null && …"
            report.add("null-date", Severity.low, node, message, fix, about=field)


def _first_datapoints(report: Report, root: Node) -> None:
    """Report a single datapoint read by its position among several."""
    for entry in root.each("with"):
        name, count = entry.text("as"), _datapoints(entry)
        read = re.compile(rf"\b{re.escape(name)}\[(-?\d+)\]") if name and count > 1 else None
        for node, text in _written(root) if read else ():
            if read and read.search(text):
                message = f"{name} has {count} datapoints, and one of them is read"
                fix = f"write max({name}) for all of them, or leave period out for one over the whole window"
                report.add("one-datapoint", Severity.medium, node, message, fix, about=name)


def _datapoints(entry: Node) -> int:
    days, period = entry.get("metric", "days"), entry.get("metric", "period")
    if (
        days is None
        or period is None
        or not all(isinstance(n.value, int | float) and n.value > 0 for n in (days, period))
    ):
        return 1
    return int(days.value * _SECONDS_A_DAY // period.value)


def _images(report: Report, root: Node) -> None:
    """Disabled images are left out unless they are asked for, and hold on to their snapshots."""
    sets = (values for entry in root.each("with") for values in entry.each("set"))
    for step in (step for values in sets for step in values.each("list")):
        if step.operation == "ec2.DescribeImages" and step.get("params", "IncludeDisabled") is None:
            message = "ec2.DescribeImages leaves disabled images out: what they use would seem unused"
            fix = "add params: {IncludeDisabled: true}"
            report.add("disabled-images", Severity.medium, step, message, fix)


def _unwaited(report: Report, root: Node) -> None:
    """Report calls that follow one which takes a while, since an action does not wait."""
    for before, after in pairwise(root.each("action")):
        if before.get("wait") is None and _TRANSIENT.match(before.text("op").partition(".")[2]):
            message = (
                f"{after.text('op')} follows at once, while {before.text('op')} still takes effect: it may be refused"
            )
            fix = "add wait: with a waiter to the first, such as wait: instance_stopped"
            report.add("no-wait", Severity.medium, after, message, fix)


def _empty_undo(report: Report, root: Node) -> None:
    """An undo that puts back what was there, where there may have been nothing."""
    may_lack = [entry.text("as") for entry in root.each("with") if entry.get("on_error") is not None]
    for action in root.each("action"):
        alike = [undo for undo in action.each("undo") if undo.text("op") == action.text("op")]
        for node, text in (found for undo in alike if undo.get("when") is None for found in _written(undo)):
            for name in may_lack:
                if text.startswith("=") and re.search(rf"\b{re.escape(name)}\b", text):
                    message = f"where there was no {name} before, the undo would put back nothing, which AWS may refuse"
                    fix = f"write undo: as a list, one with when: {name} that puts it back, and one that deletes"
                    report.add("undo-of-nothing", Severity.medium, node, message, fix, about=name)
