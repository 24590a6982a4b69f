"""Times, amounts and names as people read them, the same everywhere."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

PAST = {
    "approve": "approved",
    "waive": "approved with an exception",
    "reject": "rejected",
    "request-changes": "sent back",
}


def age(since: datetime, now: datetime) -> str:
    """Format an age as `12 s`, `5 m`, `3 h` or `2 d`, in whole units.

    >>> now = datetime(2026, 11, 18)
    >>> age(now, now), age(now - timedelta(minutes=5), now), age(now - timedelta(days=2), now)
    ('0 s', '5 m', '2 d')
    """
    seconds = max(0, int((now - since) / timedelta(seconds=1)))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def duration(seconds: float) -> str:
    """`0.3 s`, `42 s`, `3 m 05 s`, `2 h 07 m`, `3 d 04 h`.

    >>> duration(0.31), duration(42.4), duration(185), duration(7620), duration(273_600)
    ('0.3 s', '42 s', '3 m 05 s', '2 h 07 m', '3 d 04 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    left = round(seconds)
    for size, unit, below, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if left >= size:
            return f"{left // size} {unit} {left % size // below:02d} {part}"
    return f"{left} s"


def money(amount: Decimal | float | None) -> str:
    """`$1,234.50`, or `unknown`.

    >>> money(1234.5), money(None)
    ('$1,234.50', 'unknown')
    """
    return "unknown" if amount is None else f"${amount:,.2f}"


def stamp(when: datetime, zone: tzinfo = UTC) -> str:
    """`18 Nov 2026, 20:10 UTC`.

    >>> from datetime import UTC
    >>> stamp(datetime(2026, 11, 8, 20, 10, tzinfo=UTC))
    '8 Nov 2026, 20:10 UTC'
    """
    local = when.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`.

    >>> count(1, "file"), count(0, "finding")
    ('1 file', '0 findings')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listing(words: Iterable[str], last: str = "and") -> str:
    """Join words as a sentence does: `a`, `a and b`, `a, b and c`.

    >>> listing(["a", "b", "c"]), listing(iter("ab"), "or"), listing([])
    ('a, b and c', 'a or b', '')
    """
    *most, end = [*words] or [""]
    return f"{', '.join(most)} {last} {end}" if most else end


def role(name: str) -> str:
    """A card's name as people say it.

    >>> role("sre-automation"), role("product-owner")
    ('SRE automation', 'Product owner')
    """
    words = name.replace("-", " ")
    words = words[:1].upper() + words[1:]
    return re.sub(r"\b(sre|qa|devsec)\b", lambda found: _NAMES[found[1].lower()], words, flags=re.IGNORECASE)


_NAMES = {"sre": "SRE", "qa": "QA", "devsec": "DevSec"}
