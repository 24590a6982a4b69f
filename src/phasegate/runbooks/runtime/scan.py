"""Calls and context of a runbook module while it scans one account and region."""

import logging
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from time import sleep
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from . import dates, hours, network
from .clients import Clients
from .errors import CallErrors, Unanswered, code_of, same_code
from .expressions import Expression, RunbookFunctions
from .metrics import datapoints
from .paging import model_of, pages, whole
from .prices import Cost, PriceTable

Row = dict[str, Any]
S = TypeVar("S")
T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_WORKERS = 8
_WINDOW = 64
_NOT_READY = {"ReportInProgress", "CredentialReportNotReadyException"}
_PATIENCE = 300.0
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, kw_only=True)
class EvaluationIssue:
    """Reason why something about an item is not known."""

    reason: str
    certain: bool
    """True where a call failed: nothing can be said. False where data was missing: a match by other means stands."""


_troubles: ContextVar[list[EvaluationIssue] | None] = ContextVar("troubles", default=None)
_in_worker: ContextVar[bool] = ContextVar("in_worker", default=False)


class Scan:
    """Scan of one account and region, at one point in time."""

    def __init__(
        self,
        clients: Clients,
        *,
        account: str,
        region: str,
        now: datetime,
        params: Mapping[str, Any],
        prices: PriceTable,
        errors: CallErrors,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self.account = account
        self.region = region
        self.now = now
        self.params = params
        self.items: list[Row] | None = None
        """The whole listing, where the runbook asks for it."""
        self._clients = clients
        self._prices = prices
        self._errors = errors
        self._pause = pause
        self._kept: dict[Hashable, Any] = {}
        self._lock = threading.RLock()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"scan-{region}")

    def close(self) -> None:
        """Stop the threads."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    @property
    def failures(self) -> int:
        """Number of calls that failed so far."""
        return self._errors.total

    def forget(self) -> None:
        """Drop what `once` keeps, so that it is asked again."""
        with self._lock:
            self._kept.clear()

    @property
    def names(self) -> Mapping[str, Any]:
        """Names that every expression may use beside the row's own keys."""
        known = {"_account": self.account, "_region": self.region, "_now": self.now.isoformat()}
        return {**known, "_params": dict(self.params), "_items": self.items}

    @cached_property
    def functions(self) -> RunbookFunctions:
        """Every function of the language, those that know the time or the account included."""
        return RunbookFunctions(
            {
                "age_days": self.age_days,
                "days_until": self.days_until,
                "in_days": self.in_days,
                "off_now": self.off_now,
                "month": self.month,
                "foreign_principals": self.foreign_principals,
            }
        )

    def age_days(self, time: Any) -> float | None:
        """Return the fractional days since a time, or None where there is none."""
        return dates.days_between(time, self.now)

    def days_until(self, time: Any) -> float | None:
        """Return the fractional days until a time, or None where there is none."""
        age = self.age_days(time)
        return None if age is None else -age

    def in_days(self, days: float, form: str = dates.ISO_DATE) -> str:
        """The day so many days from now, `2026-12-02`, or as `form` says in the letters of `strftime`."""
        return dates.in_days(self.now, days, form)

    def month(self, months: int) -> str:
        """The first day of the month so many months from now: `2026-11-01`."""
        return dates.first_of_month(self.now, int(months))

    def off_now(self, tag: str | None, hour: int, zone: str = "utc") -> bool:
        """Return whether an off-hours tag stops a resource in the current hour."""
        return hours.off_now(self.now, tag, int(hour), zone)

    def foreign_principals(self, policy: Any, allowed: Any = None) -> list[str]:
        """Return whom outside this account, and outside the allowed ones, a resource policy lets in."""
        return network.foreign_principals(policy, allowed, self.account)

    def client(self, service: str) -> Any:
        """The boto3 client of a service in this account and region."""
        return self._clients.get(service, self.region)

    def at(self, region: Any) -> "Scan":
        """Return the same scan with its calls in another region, such as that of a bucket.

        Raises:
            ValueError: the region is not known, so that there is nowhere to ask.
        """
        if not isinstance(region, str) or not region:
            raise ValueError("the region to ask is not known")
        # Threads, the counts of errors and what `once` keeps are shared: it is one scan.
        elsewhere = copy(self)
        elsewhere.region = region
        return elsewhere

    def rows(
        self,
        service: str,
        operation: str,
        items: str | Expression | None,
        gone: Collection[str] = (),
        /,
        **params: Any,
    ) -> Iterator[Row]:
        """Yield the rows of an operation, page by page, a plain value as a row with the key `_`.

        `items` says where they are in an answer; None takes the answer itself. A call that fails is counted, makes the
        scan incomplete, and ends the rows. One of the `gone` error codes says that what was asked about is there no
        more, which is counted apart and is no failure.
        """
        try:
            for page in self._patiently(lambda: pages(self.client(service), operation, _given(params))):
                for found in _found(self, items, page):
                    yield found if isinstance(found, dict) else {"_": found}
        except (ClientError, BotoCoreError) as error:
            if any(same_code(code_of(error), code) for code in gone):
                self._errors.count_gone(f"{service}.{operation}")
            else:
                self._failed(service, operation, error)

    def get(self, service: str, operation: str, absent: Collection[str] = (), /, **params: Any) -> Row | None:
        """Return one answer with all its pages joined, or None where AWS answers one of the `absent` error codes.

        Raises:
            Unanswered: any other error; it has been counted.
        """
        given = _given(params)
        client = self.client(service)
        # An expression gave null for a required parameter: there is nothing to ask about this item.
        if any(name not in given for name in getattr(model_of(client, operation).input_shape, "required_members", ())):
            return None
        try:
            return _without_metadata(self._retried(lambda: whole(client, operation, given)))
        except (ClientError, BotoCoreError) as error:
            if any(same_code(code_of(error), code) for code in absent):
                return None
            raise Unanswered(self._failed(service, operation, error)) from error

    def metric(
        self,
        *,
        namespace: str,
        name: str,
        stat: str,
        days: float,
        dimensions: Mapping[str, Any],
        period: int | None = None,
        default: float | None = None,
    ) -> list[float]:
        """Return the datapoints of the days that end now, oldest first, or one for the whole window without a `period`.

        Without a datapoint it is `[default]`, or an empty list, which is noted: no data is never idle.

        Raises:
            Unanswered: CloudWatch did not answer; the error has been counted.
        """
        values: list[float] = []
        if all(value is not None for value in dimensions.values()):
            try:
                values = datapoints(
                    self.client("cloudwatch"), (namespace, name, stat), dimensions, (self.now, days), period
                )
            except (ClientError, BotoCoreError) as error:
                raise Unanswered(self._failed("cloudwatch", "get_metric_statistics", error)) from error
        # No datapoint is no proof of idleness unless the runbook says so by a default.
        if values or default is not None:
            return values or [default or 0]
        self._note(EvaluationIssue(reason=f"{name} has no datapoint in the last {days:g} days", certain=False))
        return []

    def once(self, load: Callable[["Scan"], T]) -> T:
        """Return the function's result, asked once in this account and region.

        Raises:
            Unanswered: a call in it failed, so that it is incomplete and says nothing of any item.
        """
        with self._lock:
            # Under the lock, so that a second thread waits for the listing instead of asking for it again.
            if load not in self._kept:
                value, troubles = watched(lambda: load(self))
                broken = next((trouble.reason for trouble in troubles if trouble.certain), None)
                # The failure is kept as well, so that a broken listing is not asked again for every item.
                self._kept[load] = Unanswered(broken) if broken else value
            kept = self._kept[load]
        if isinstance(kept, Unanswered):
            raise kept
        return kept  # type: ignore[no-any-return]

    def fan_out(self, parents: Iterable[Row], children: Callable[["Scan", Row], Iterable[Row]]) -> Iterator[Row]:
        """Yield the children of every parent in order, asking several parents at the same time."""
        for found in self.together(parents, lambda parent: list(children(self, parent))):
            yield from found

    def together(self, rows: Iterable[S], work: Callable[[S], T]) -> Iterator[T]:
        """Yield the result of the work for each in order, several at the same time, with a window of them in memory."""
        waiting = iter(rows)
        while window := list(islice(waiting, _WINDOW)):
            # A worker that waited for other workers of the same pool could wait for itself.
            if _in_worker.get() or len(window) == 1:
                yield from map(work, window)
            else:
                # the first alone: it fills what `once` keeps, so that the others need not wait for each other
                yield work(window[0])
                # The context carries the list of troubles, which must reach the item that the worker works for.
                futures = [self._workers.submit(copy_context().run, _as_worker, work, row) for row in window[1:]]
                yield from (future.result() for future in futures)

    def price(self, unit: str, *, quantity: Any, per: str, region: Any = "", when: bool = True) -> Cost:
        """Return the cost of so much of the unit, in this region unless another is given.

        An unknown price, quantity or region gives an unknown cost; where `when` is false, there is nothing to pay for.
        """
        if not when:
            return Cost(unit=unit, quantity=0, amount=0.0, monthly=0.0, per=per)
        if not isinstance(region, str):
            reason = f"no price for {unit}: its region is not known"
            return Cost(unit=unit, quantity=None, amount=None, monthly=None, per=per, reason=reason)
        return self._prices.cost(unit, region or self.region, quantity=quantity, per=per)

    def _failed(self, service: str, operation: str, error: Exception) -> str:
        reason = self._errors.count(self.account, self.region, f"{service}.{operation}", error)
        self._note(EvaluationIssue(reason=reason, certain=True))
        return reason

    def _note(self, trouble: EvaluationIssue) -> None:
        noted = _troubles.get()
        if noted is not None:
            noted.append(trouble)

    def _retried(self, call: Callable[[], T]) -> T:
        """Retry for up to five minutes while AWS is still writing the report that was asked for."""
        waited, pause = 0.0, 1.0
        while waited < _PATIENCE:
            with suppress(_StillWriting):
                return _unless_writing(call)
            _LOG.warning("AWS is still writing the report for %s; waited %.0f seconds", self.account, waited)
            self._pause(pause)
            waited, pause = waited + pause, min(pause * 1.5, _LONGEST_PAUSE)
        return call()

    def _patiently(self, read: Callable[[], Iterator[Row]]) -> Iterator[Row]:
        first, rest = self._retried(lambda: _first_of(read()))
        if first is not None:
            yield first
            yield from rest


class _StillWriting(Exception):
    """AWS has not finished the report."""


def _unless_writing(call: Callable[[], T]) -> T:
    try:
        return call()
    except ClientError as error:
        if code_of(error) in _NOT_READY:
            raise _StillWriting from error
        raise


def _first_of(read: Iterator[Row]) -> tuple[Row | None, Iterator[Row]]:
    return next(read, None), read


def watched(work: Callable[[], T]) -> tuple[T, list[EvaluationIssue]]:
    """Return the result of the work, and the troubles that it met in this thread and in those it started."""
    outer = _troubles.get()
    met: list[EvaluationIssue] = []
    token = _troubles.set(met)
    try:
        return work(), met
    finally:
        _troubles.reset(token)
        if outer is not None:
            outer.extend(met)


def _as_worker(work: Callable[[S], T], row: S) -> T:
    _in_worker.set(True)
    return work(row)


def _given(params: Mapping[str, Any]) -> Row:
    """Without what is missing: AWS takes no null."""
    return {name: _complete(value) for name, value in params.items() if value is not None}


def _complete(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _complete(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_complete(entry) for entry in value if entry is not None]
    return value


def _found(scan: Scan, items: str | Expression | None, page: Row) -> Iterable[Any]:
    found: object = (
        _without_metadata(page) if items is None else page.get(items) if isinstance(items, str) else items(scan, page)
    )
    if found is None:
        return ()
    return found if isinstance(found, list) else (found,)


def _without_metadata(answer: Row) -> Row:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
