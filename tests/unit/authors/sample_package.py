"""A small library as a team would write it: amounts of money, with twenty tests of ten criteria."""

# ruff: noqa: E501 - lines of documents as they are written

from collections.abc import Mapping
from pathlib import Path

from phasegate.core import FixedClock
from phasegate.ledger import PrivateKey
from phasegate.scaffold import PACKAGE_SPEC, Approver, NewRepository, create_repository, establish_root
from unit.authors.sample_spec import NOW

FOLDER = "specs/001-amounts"
SENTENCE = "amounts of money that can be read, added up and split without losing a cent"
SPEC = """# Feature Specification: Amounts of money

**Created**: 2026-11-18
**Status**: Draft
**Deliverable**: package spec
**Input**: User description: "amounts of money that can be read, added up and split without losing a cent"

## User Scenarios & Testing

### User Story 1 - Read an amount (Priority: P1)

Somebody has an amount as text and needs it as a value that can be compared and printed.

**Why this priority**: Nothing else works without it.

**Independent Test**: Read each text of the scenarios, and compare the amount.

**Acceptance Scenarios**:

1. **Given** the text "2.50 EUR", **When** it is read, **Then** the amount is 250 cents of EUR (FR-001)
2. **Given** the text "-0.05 USD", **When** it is read, **Then** the amount is -5 cents of USD (FR-001)
3. **Given** the text "2.505 EUR", **When** it is read, **Then** it is refused as an error of its own type (FR-002)
4. **Given** an amount of 250 cents of EUR, **When** it is printed, **Then** the text is "2.50 EUR" (FR-003)

### User Story 2 - Add up (Priority: P2)

Somebody has several amounts and wants their sum.

**Why this priority**: Invoices are sums.

**Independent Test**: Add up the amounts of the scenarios.

**Acceptance Scenarios**:

1. **Given** 1.00 EUR and 2.50 EUR, **When** they are added up, **Then** the sum is 3.50 EUR (FR-004)
2. **Given** 1.00 EUR and 1.00 USD, **When** they are added up, **Then** it is refused as an error of its own type (FR-005)
3. **Given** no amount, **When** they are added up, **Then** it is refused as an error of its own type (FR-005)

### User Story 3 - Split (Priority: P3)

Somebody shares an amount among several people.

**Why this priority**: A cent that is lost is looked for for hours.

**Independent Test**: Split the amounts of the scenarios, and add the parts up.

**Acceptance Scenarios**:

1. **Given** 10.00 EUR and 3 parts, **When** it is split, **Then** the parts are 3.34, 3.33 and 3.33 EUR (FR-006)
2. **Given** -0.05 EUR and 2 parts, **When** it is split, **Then** the parts add up to -0.05 EUR (FR-006)
3. **Given** 1.00 EUR and 0 parts, **When** it is split, **Then** it is refused as an error of its own type (FR-007)

### Edge Cases

- The text is empty: it is refused like any other that is no amount.

## Requirements

### Functional Requirements

- **FR-001**: The package MUST read an amount from a text of a number with two decimals, a space and a currency of three capital letters.
- **FR-002**: The package MUST refuse any other text with the error `NoAmount`.
- **FR-003**: The package MUST print an amount in the form that it reads.
- **FR-004**: The package MUST add up amounts of one currency.
- **FR-005**: The package MUST refuse a sum of no amount, or of several currencies, with the error `CannotAdd`.
- **FR-006**: The package MUST split an amount into parts that differ by 1 cent at most and add up to it, the larger ones first.
- **FR-007**: The package MUST refuse fewer than 1 part with the error `CannotSplit`.

## Success Criteria

### Measurable Outcomes

- **SC-001**: Every acceptance scenario has a test, and all of them pass: 100 %.

## Risk

- **Severity**: low
- **Blast radius**: whoever imports the package
- **Data**: what callers pass in; nothing is kept
- **Reversible**: yes, by an earlier release
"""
PLAN = """# Plan: Amounts of money

An amount is a frozen value of whole cents and a currency. Reading, adding and splitting are functions of three modules. No
dependency is needed.

## Interface

- `Amount(cents: int, currency: str)`: frozen and comparable by value; `str(Amount(250, "EUR"))` is `"2.50 EUR"` (FR-003).
- `read(text: str) -> Amount`: `read("2.50 EUR") == Amount(250, "EUR")`; `NoAmount` for any other text (FR-001, FR-002).
- `total(amounts: Iterable[Amount]) -> Amount`: `CannotAdd` for none, or for several currencies (FR-004, FR-005).
- `split(amount: Amount, parts: int) -> list[Amount]`: the larger parts first; `CannotSplit` below 1 part (FR-006, FR-007).
- `NoAmount`, `CannotAdd` and `CannotSplit` are subclasses of `ValueError`.

## Modules

- `src/acme_amounts/amounts.py`: `Amount`, `read`, and the errors.
- `src/acme_amounts/totals.py` and `src/acme_amounts/splits.py`: `total` and `split`; neither needs the other.

| Requirement | Part |
| --- | --- |
| FR-001, FR-002, FR-003 | `amounts.py` |
| FR-004, FR-005 | `totals.py` |
| FR-006, FR-007 | `splits.py` |
| SC-001 | the tests |
"""
DECISION = """# 001: Whole cents

Decimals were weighed: they keep what was typed, and rounding comes back at each sum. Cents as whole numbers cannot lose one.
"""
TASKS = """# Tasks: Amounts of money

## Setup

- [ ] T001 [US1] Write Amount, read and the errors in src/acme_amounts/amounts.py (FR-001, FR-002, FR-003, AC-001, AC-002, AC-003, AC-004)

## Stories

- [ ] T002 [P] [US2] Write total in src/acme_amounts/totals.py (FR-004, FR-005, AC-005, AC-006, AC-007)
- [ ] T003 [P] [US3] Write split in src/acme_amounts/splits.py (FR-006, FR-007, AC-008, AC-009, AC-010)

## Polish

- [ ] T004 Export the interface in src/acme_amounts/__init__.py (FR-001)
"""
TEST_PLAN = """# Test plan: Amounts of money

| Criterion | Tests |
| --- | --- |
| AC-001 | `test_a_text_is_read`, `test_amounts_are_values` |
| AC-002 | `test_a_negative_text_is_read`, `test_zero_is_read` |
| AC-003 | `test_other_texts_are_refused`, `test_the_error_is_a_value_error` |
| AC-004 | `test_an_amount_is_printed`, `test_cents_below_ten_have_two_digits`, `test_what_is_printed_is_read` |
| AC-005 | `test_two_amounts_add_up`, `test_one_amount_is_its_sum`, `test_a_generator_adds_up` |
| AC-006 | `test_two_currencies_are_refused` |
| AC-007 | `test_no_amount_is_refused` |
| AC-008 | `test_ten_in_three_parts`, `test_one_part_is_the_whole`, `test_more_parts_than_cents` |
| AC-009 | `test_negative_parts_add_up`, `test_parts_differ_by_a_cent` |
| AC-010 | `test_no_part_is_refused` |
"""
TEST_READ = '''import pytest

from acme_amounts import Amount, NoAmount, read


def test_a_text_is_read():
    """AC-001: a text becomes cents and a currency."""
    assert read("2.50 EUR") == Amount(250, "EUR")


def test_amounts_are_values():
    """AC-001: equal amounts are equal, others are not."""
    assert read("2.50 EUR") != read("2.51 EUR")


def test_a_negative_text_is_read():
    """AC-002: the sign counts for euros and cents."""
    assert read("-0.05 USD") == Amount(-5, "USD")


def test_zero_is_read():
    """AC-002: zero is an amount."""
    assert read("0.00 EUR") == Amount(0, "EUR")


@pytest.mark.parametrize("text", ["2.505 EUR", "2.5 EUR", "2 EUR", "", "EUR", "2.50 eur", "2.50EUR", " 2.50 EUR", "2.50 EUR\\n"])
def test_other_texts_are_refused(text):
    """AC-003: any other text is no amount."""
    with pytest.raises(NoAmount):
        read(text)


def test_the_error_is_a_value_error():
    """AC-003: who catches ValueError catches it."""
    assert issubclass(NoAmount, ValueError)


def test_an_amount_is_printed():
    """AC-004: it is printed as it is read."""
    assert str(Amount(250, "EUR")) == "2.50 EUR"


def test_cents_below_ten_have_two_digits():
    """AC-004: so are small and negative ones."""
    assert str(Amount(-5, "USD")) == "-0.05 USD"


def test_what_is_printed_is_read():
    """AC-004: printing and reading are each other's opposite."""
    assert read(str(Amount(-123456, "JPY"))) == Amount(-123456, "JPY")
'''
TEST_TOTAL = '''import pytest

from acme_amounts import Amount, CannotAdd, total


def test_two_amounts_add_up():
    """AC-005: the sum has the cents of both."""
    assert total([Amount(100, "EUR"), Amount(250, "EUR")]) == Amount(350, "EUR")


def test_one_amount_is_its_sum():
    """AC-005: one amount is its own sum."""
    assert total([Amount(-7, "EUR")]) == Amount(-7, "EUR")


def test_a_generator_adds_up():
    """AC-005: amounts may come one by one."""
    assert total(Amount(n, "EUR") for n in (1, 2, 3)) == Amount(6, "EUR")


def test_two_currencies_are_refused():
    """AC-006: euros and dollars have no sum."""
    with pytest.raises(CannotAdd):
        total([Amount(100, "EUR"), Amount(100, "USD")])


def test_no_amount_is_refused():
    """AC-007: a sum of nothing has no currency."""
    with pytest.raises(CannotAdd):
        total([])
'''
TEST_SPLIT = '''import pytest

from acme_amounts import Amount, CannotSplit, split, total


def test_ten_in_three_parts():
    """AC-008: the larger part comes first."""
    assert split(Amount(1000, "EUR"), 3) == [Amount(334, "EUR"), Amount(333, "EUR"), Amount(333, "EUR")]


def test_one_part_is_the_whole():
    """AC-008: one part is the amount."""
    assert split(Amount(5, "EUR"), 1) == [Amount(5, "EUR")]


def test_more_parts_than_cents():
    """AC-008: parts may be empty."""
    assert split(Amount(1, "EUR"), 3) == [Amount(1, "EUR"), Amount(0, "EUR"), Amount(0, "EUR")]


def test_negative_parts_add_up():
    """AC-009: no cent is lost below zero."""
    assert total(split(Amount(-5, "EUR"), 2)) == Amount(-5, "EUR")


def test_parts_differ_by_a_cent():
    """AC-009: the parts are as equal as can be."""
    cents = [part.cents for part in split(Amount(-5, "EUR"), 2)]
    assert max(cents) - min(cents) == 1


def test_no_part_is_refused():
    """AC-010: at least one part is needed."""
    with pytest.raises(CannotSplit):
        split(Amount(100, "EUR"), 0)
'''
TESTS = {
    "tests/amounts/test_read.py": TEST_READ,
    "tests/amounts/test_split.py": TEST_SPLIT,
    "tests/amounts/test_total.py": TEST_TOTAL,
}
AMOUNTS = '''"""Amounts of money in whole cents."""

import re
from dataclasses import dataclass

_TEXT = re.compile(r"(-?)([0-9]+)\\.([0-9]{2}) ([A-Z]{3})")


class NoAmount(ValueError):
    """A text that is no amount."""


class CannotAdd(ValueError):
    """Amounts that have no sum."""


class CannotSplit(ValueError):
    """A number of parts below 1."""


@dataclass(frozen=True)
class Amount:
    """Cents of a currency."""

    cents: int
    currency: str

    def __str__(self) -> str:
        whole, rest = divmod(abs(self.cents), 100)
        return f"{'-' * (self.cents < 0)}{whole}.{rest:02} {self.currency}"


def read(text: str) -> Amount:
    """Return the amount that a text such as `2.50 EUR` is.

    Raises:
        NoAmount: it is none.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise NoAmount(f"{text!r} is no amount: write it as 2.50 EUR")
    sign, whole, rest, currency = found.groups()
    cents = int(whole) * 100 + int(rest)
    return Amount(-cents if sign else cents, currency)
'''
WRONG_AMOUNTS = AMOUNTS.replace(
    "        whole, rest = divmod(abs(self.cents), 100)", "        whole, rest = divmod(self.cents, 100)"
)
"""Prints -0.05 as --1.95: what a first attempt gets wrong."""
TOTALS = '''"""Sums of amounts."""

from collections.abc import Iterable

from acme_amounts.amounts import Amount, CannotAdd


def total(amounts: Iterable[Amount]) -> Amount:
    """Return the sum of amounts of one currency.

    Raises:
        CannotAdd: there is none, or there are several currencies.
    """
    found = list(amounts)
    currencies = sorted({amount.currency for amount in found})
    if len(currencies) != 1:
        raise CannotAdd(f"amounts of one currency have a sum, not of {', '.join(currencies) or 'none'}")
    return Amount(sum(amount.cents for amount in found), currencies[0])
'''
SPLITS = '''"""Parts of an amount."""

from acme_amounts.amounts import Amount, CannotSplit


def split(amount: Amount, parts: int) -> list[Amount]:
    """Return parts that differ by a cent at most and add up to the amount, the larger ones first.

    Raises:
        CannotSplit: there are fewer than 1.
    """
    if parts < 1:
        raise CannotSplit(f"an amount is split into 1 part or more, not {parts}")
    each, rest = divmod(amount.cents, parts)
    return [Amount(each + (number < rest), amount.currency) for number in range(parts)]
'''
INIT = '''"""Amounts of money that lose no cent."""

from acme_amounts.amounts import Amount, CannotAdd, CannotSplit, NoAmount, read
from acme_amounts.splits import split
from acme_amounts.totals import total

__all__ = ["Amount", "CannotAdd", "CannotSplit", "NoAmount", "read", "split", "total"]
'''
PAGE = "# Amounts\n\nAmounts of money in whole cents: read, added up and split (FR-001, FR-004, FR-006).\n"


def package_repository(folder: Path, *, managers: Mapping[str, PrivateKey] | None = None, spec: str = "") -> Path:
    """Make a repository whose package agents write, with a spec in its working directory."""
    people = tuple(Approver(name=name, public_key=str(key.public)) for name, key in (managers or {}).items())
    create_repository(
        folder, NewRepository(project="acme-amounts", managers=people, deliverable=PACKAGE_SPEC), FixedClock(NOW)
    )
    (folder / FOLDER).mkdir(parents=True)
    (folder / FOLDER / "spec.md").write_text(spec or SPEC)
    if managers:
        establish_root(folder, next(iter(managers.values())), FixedClock(NOW), commit=True)
    return folder
