"""What a key signs, by its mandate: the same in the process that holds one and in its double."""

import pytest

from phasegate.keyholder import GATE_DECISION, Custody, Mandate, NotSignedError, read_statement
from unit.keyholder.statements import IN_TOTO, KEY, encode, said, verifies

GRANT = "https://phasegate.dev/tool-grant/v1"
ROOT = "https://phasegate.dev/trust-root/v1"


class Seconds:
    """A clock by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refusal(custody: Custody, message: bytes) -> str:
    with pytest.raises(NotSignedError) as refused:
        custody.sign(message)
    return refused.value.reason


def test_what_is_shown_is_what_the_bytes_say() -> None:
    shown = read_statement(said())
    assert (shown.kind, shown.by) == (GATE_DECISION, "ada")
    assert shown.fields == {"gate": "r1/specify/1", "decision": "approve", "digest": "ab" * 32}
    assert "decision=approve" in str(shown)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"approve",
        said() + b" ",
        said()[:-1],
        said().replace(b"DSSEv1", b"DSSEv2"),
        encode(b"{}"),
        encode(b"[]", "a/b"),
        encode(b"\xff", "a/b"),
        encode(b"[" * 100_000, "a/b"),
        encode(b'{"by": "ada", "by": "bo"}', "a/b"),
        encode(b'{"_type": "x", "predicateType": "y", "predicate": {}}'),
        said().replace(b"28 application/vnd.in-toto", b"27 application/vnd.in-toto"),
    ],
)
def test_bytes_that_are_no_statement_are_not_signed(message: bytes) -> None:
    assert len(IN_TOTO) == 28
    assert refusal(Custody(KEY, Mandate(by="ada", seconds=60)), message) == "no_statement"


@pytest.mark.parametrize("kind", [GATE_DECISION, GRANT, ROOT])
def test_one_statement_of_any_kind_is_signed_and_no_second(kind: str) -> None:
    custody = Custody(KEY, Mandate(by="ada", seconds=60))
    verifies(said(kind), custody.sign(said(kind)))
    assert refusal(custody, said(kind)) == "forgotten"
    assert custody.left() == 0


def test_as_many_statements_are_signed_as_the_mandate_says() -> None:
    custody = Custody(KEY, Mandate(by="ada", seconds=60, statements=2))
    for _ in range(2):
        verifies(said(GRANT), custody.sign(said(GRANT)))
    assert refusal(custody, said(GRANT)) == "forgotten"


def test_key_that_is_left_unlocked_signs_decisions_of_its_manager_alone() -> None:
    custody = Custody(KEY, Mandate(by="ada", seconds=60, only_decisions=True))
    for _ in range(3):
        verifies(said(), custody.sign(said()))
    for kind in (GRANT, ROOT, GATE_DECISION + "x"):
        assert refusal(custody, said(kind)) == "another_kind"
    assert refusal(custody, encode(b'{"by": "ada"}', "application/vnd.phasegate.approval+json")) == "another_kind"
    assert refusal(custody, said(by="bo")) == "another_person"
    assert refusal(custody, said(by="")) == "another_kind"
    assert refusal(custody, said(by=7)) == "another_kind"
    verifies(said(), custody.sign(said()))


def test_key_is_forgotten_after_its_time() -> None:
    seconds = Seconds()
    custody = Custody(KEY, Mandate(by="ada", seconds=60, only_decisions=True), seconds)
    seconds.now += 59
    verifies(said(), custody.sign(said()))
    seconds.now += 1
    assert refusal(custody, said()) == "forgotten"
    seconds.now -= 30
    assert refusal(custody, said()) == "forgotten"


def test_what_is_forgotten_is_overwritten() -> None:
    custody = Custody(KEY, Mandate(by="ada", seconds=60))
    assert bytes(custody._page.view()) == KEY.private_bytes_raw()
    custody.forget()
    assert bytes(custody._page.view()) == bytes(32)
