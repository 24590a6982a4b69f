"""Schedules: five fields of cron, in UTC."""

import re

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_PART = re.compile(r"(\*|\d+(?:-\d+)?)(?:/(\d+))?")


def check_cron(text: str) -> None:
    """Validate a schedule against cron's five fields.

    Raises:
        ValueError: it does not hold; the message names the field.

    >>> check_cron("0 6 * * 1-5")
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{text!r} has {len(fields)} fields; cron has minute, hour, day, month and weekday")
    for written, (name, least, most) in zip(fields, _FIELDS, strict=True):
        for part in written.split(","):
            if not _holds(part, least, most):
                raise ValueError(f"{part!r} is no {name} of cron; it goes from {least} to {most}")


def _holds(part: str, least: int, most: int) -> bool:
    found = _PART.fullmatch(part)
    if found is None or found.group(2) == "0":
        return False
    numbers = [int(number) for number in found.group(1).split("-") if number != "*"]
    return all(least <= number <= most for number in numbers) and numbers == sorted(numbers)
