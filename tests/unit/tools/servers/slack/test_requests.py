"""What proves that Slack sent a request; requests are signed by slack-sdk's own generator."""

from datetime import UTC, datetime, timedelta

import pytest
from slack_sdk.signature import SignatureVerifier

from phasegate.core import FixedClock, Missing, Refused
from phasegate.tools.servers.slack.requests import WINDOW_S, SlackRequest, Verifier

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
BODY = b"payload=%7B%22trigger_id%22%3A%221.2%22%7D"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def verifier(clock: FixedClock) -> Verifier:
    return Verifier(SECRET, clock)


def signed(body: bytes = BODY, *, off_s: int = 0, secret: str = SECRET, retry: str = "") -> dict[str, str]:
    timestamp = str(int(NOW.timestamp()) + off_s)
    again = {"X-Slack-Retry-Num": retry, "X-Slack-Retry-Reason": "http_timeout"} if retry else {}
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": str(signature), **again}


def reason(verifier: Verifier, headers: dict[str, str], body: bytes = BODY) -> str:
    with pytest.raises(Refused) as refused:
        verifier.verified(body, headers)
    assert SECRET not in f"{refused.value} {refused.value.fix}"
    return refused.value.reason


def test_a_request_of_slack_passes(verifier: Verifier) -> None:
    request = verifier.verified(BODY, signed())
    assert (request.receipt, request.retry) == (None, 0)
    lower = {name.lower(): value for name, value in signed().items()}
    assert verifier.verified(BODY, lower) == request


@pytest.mark.parametrize("off_s", [-300, -299, 0, 299, 300])
def test_a_time_within_the_window_passes(verifier: Verifier, off_s: int) -> None:
    assert verifier.verified(BODY, signed(off_s=off_s)).receipt is None


@pytest.mark.parametrize("off_s", [-301, 301, -86_400, 86_400])
def test_a_time_outside_of_the_window_is_refused(verifier: Verifier, off_s: int) -> None:
    assert reason(verifier, signed(off_s=off_s)) == "stale"


@pytest.mark.parametrize(
    "timestamp",
    ["", "now", "1e9", "-1763888400", "+1763888400", " 1763888400", "1_763_888_400", "1763888400.5", "١٧٦", "9" * 5000],
)
def test_a_time_that_is_no_number_is_refused(verifier: Verifier, timestamp: str) -> None:
    assert reason(verifier, {**signed(), "X-Slack-Request-Timestamp": timestamp}) == "signature"


@pytest.mark.parametrize(
    "signature",
    ["", "v0=", "v0=" + "0" * 64, "v1=" + "0" * 64, "0" * 64, "v0=ü", "v0=" + "é" * 64, "v0=" + "0" * 65],
)
def test_a_bad_signature_is_refused(verifier: Verifier, signature: str) -> None:
    assert reason(verifier, {**signed(), "X-Slack-Signature": signature}) == "signature"


@pytest.mark.parametrize("missing", ["X-Slack-Signature", "X-Slack-Request-Timestamp"])
def test_a_missing_header_is_refused(verifier: Verifier, missing: str) -> None:
    assert reason(verifier, {name: value for name, value in signed().items() if name != missing}) == "signature"


def test_what_another_secret_signed_is_refused(verifier: Verifier) -> None:
    assert reason(verifier, signed(secret="other")) == "signature"


def test_a_changed_body_or_time_is_refused(verifier: Verifier) -> None:
    assert reason(verifier, signed(), BODY + b" ") == "signature"
    assert reason(verifier, signed(), b"") == "signature"
    assert reason(verifier, signed(), b"\xff\xfe") == "signature"
    later = str(int(NOW.timestamp()) + 1)
    assert reason(verifier, {**signed(), "X-Slack-Request-Timestamp": later}) == "signature"


def test_an_exact_replay_gets_the_earlier_receipt(verifier: Verifier, clock: FixedClock) -> None:
    headers = signed(off_s=300)
    verifier.answered(verifier.verified(BODY, headers), "receipt 1")
    for after_s in (0, 299, 599):
        clock.move(NOW + timedelta(seconds=after_s))
        assert verifier.verified(BODY, headers).receipt == "receipt 1"
    clock.move(NOW + timedelta(seconds=601))
    assert reason(verifier, headers) == "stale"


def test_a_retry_signed_anew_gets_the_same_receipt(verifier: Verifier, clock: FixedClock) -> None:
    verifier.answered(verifier.verified(BODY, signed()), "receipt 1")
    clock.move(NOW + timedelta(seconds=370))
    retry = signed(off_s=370, retry="3")
    request = verifier.verified(BODY, retry)
    assert (request.receipt, request.retry) == ("receipt 1", 3)


def test_a_retry_of_what_failed_half_way_is_not_lost(verifier: Verifier) -> None:
    verifier.verified(BODY, signed())
    assert verifier.verified(BODY, signed(retry="1")).receipt is None


@pytest.mark.parametrize("number", ["x", "-1", "1e3", "9" * 5000, "١"])
def test_the_retry_header_is_only_a_hint(verifier: Verifier, number: str) -> None:
    assert verifier.verified(BODY, signed(retry=number)).retry == 0
    assert reason(verifier, {**signed(), "X-Slack-Signature": "", "X-Slack-Retry-Num": "1"}) == "signature"


def test_another_click_is_not_a_replay(verifier: Verifier) -> None:
    verifier.answered(verifier.verified(BODY, signed()), "receipt 1")
    other = BODY.replace(b"1.2", b"1.3")
    assert verifier.verified(other, signed(other)).receipt is None


def test_the_first_receipt_stays(verifier: Verifier) -> None:
    first, second = verifier.verified(BODY, signed()), verifier.verified(BODY, signed())
    verifier.answered(first, "receipt 1")
    verifier.answered(second, "receipt 2")
    assert verifier.verified(BODY, signed()).receipt == "receipt 1"


def test_receipts_are_bounded_and_end(clock: FixedClock) -> None:
    verifier = Verifier(SECRET, clock, most=3)
    requests = [seen(verifier, number) for number in range(5)]
    for request in requests:
        verifier.answered(request, "done")
    assert [seen(verifier, number).receipt for number in range(5)] == [None, None, "done", "done", "done"]
    clock.move(NOW + timedelta(seconds=3601))
    assert [seen(verifier, number, off_s=3601).receipt for number in range(5)] == [None] * 5


def seen(verifier: Verifier, number: int, off_s: int = 0) -> SlackRequest:
    body = b"event=%d" % number
    return verifier.verified(body, signed(body, off_s=off_s))


def test_the_library_has_the_same_window(clock: FixedClock) -> None:
    headers = signed(off_s=-WINDOW_S)
    timestamp, signature = headers.values()
    for off_s, holds in ((0, True), (1, False)):
        clock.move(NOW + timedelta(seconds=off_s))
        library = SignatureVerifier(SECRET, Verifier(SECRET, clock)._signatures.clock)
        assert library.is_valid(BODY, timestamp, signature) is holds


@pytest.mark.parametrize("secret", ["", "  "])
def test_without_a_secret_nothing_is_verified(secret: str) -> None:
    with pytest.raises(Missing, match="signing secret"):
        Verifier(secret)
