"""Runs a runbook over accounts and regions."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .errors import CallErrors, WrongUse
from .judging import scan_region
from .places import AccountRegion, Order, places
from .runbook import Finding, Report, Runbook, Verdict
from .scan import Scan

_LOG = logging.getLogger(__name__)
_PLACES_AT_ONCE = 8
_WAITING = 16


@dataclass(kw_only=True)
class _Looked:
    """Result of one account and region."""

    account: str
    region: str
    judged: int = 0
    findings: list[Finding] = field(default_factory=list)


def run(runbook: Runbook, order: Order) -> Report:
    """Scan every account and region of the runbook, several at a time, and return the report.

    Failures are counted in it.

    Raises:
        Prerequisite: there are no credentials that work.
        WrongUse: a parameter that the runbook does not have.
    """
    params = merged(runbook, order.params)
    errors = CallErrors()

    def look(place: AccountRegion) -> _Looked:
        return _look(runbook, place, open_scan(place, order, params, errors), errors)

    looked = list(_spread(look, places(runbook, order, errors)))
    found = [finding for each in looked for finding in each.findings]
    # Places finish in any order, and two scans of one account must give the same report.
    findings = sorted(found, key=lambda finding: (finding.account, finding.region, finding.id))
    first = next((finding for finding in findings if finding.verdict is Verdict.match), None)
    return Report(
        runbook=runbook.name,
        title=runbook.title,
        as_of=order.now,
        params=params,
        regions=sorted({each.region for each in looked}),
        judged=sum(each.judged for each in looked),
        looked=sorted((each.account, each.region, each.judged) for each in looked),
        findings=findings,
        errors=errors.all(),
        left_out=errors.left_out,
        gone=errors.gone,
        actions=(runbook.calls or first.planned) if first else (),
        changing=runbook.changing,
        refusal=runbook.guard.refuses(sum(f.will_change for f in findings), order.now) if runbook.remediate else "",
    )


def merged(runbook: Runbook, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The runbook's parameters, with those of the command line over them.

    Raises:
        WrongUse: one that the runbook does not have.
    """
    strange = sorted(set(overrides) - set(runbook.params))
    if strange:
        known = ", ".join(sorted(runbook.params)) or "none"
        raise WrongUse(f"{runbook.name} has no parameter {strange[0]!r}; it has {known}")
    return {**runbook.params, **overrides}


def open_scan(place: AccountRegion, order: Order, params: Mapping[str, Any], errors: CallErrors) -> Scan:
    """Open a scan of one account and region, to be closed after use."""
    return Scan(
        place.clients,
        account=place.account,
        region=place.region,
        now=order.now,
        params=params,
        prices=order.prices,
        errors=errors,
        pause=order.pause,
    )


def _spread(look: Callable[[AccountRegion], _Looked], found: Iterable[AccountRegion]) -> Iterator[_Looked]:
    """Yield the result of each account and region in order, starting the next only when there is room for it."""
    waiting: deque[Future[_Looked]] = deque()
    with ThreadPoolExecutor(_PLACES_AT_ONCE, thread_name_prefix="place") as workers:
        for place in found:
            waiting.append(workers.submit(look, place))
            # Without a bound the roles of a hundred accounts would be assumed long before their turn.
            if len(waiting) == _WAITING:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)


def _look(runbook: Runbook, place: AccountRegion, scan: Scan, errors: CallErrors) -> _Looked:
    looked = _Looked(account=place.account, region=place.region)
    _LOG.info("%s: looking at %s in %s", runbook.name, place.account, place.region)
    try:
        for judged, findings in scan_region(runbook, scan, errors):
            looked.judged += judged
            looked.findings += findings
    except Exception as error:  # whatever is wrong in one place, the others are looked at, and this one has failed
        _LOG.warning("%s in %s broke off: %s: %s", place.account, place.region, type(error).__name__, error)
        _LOG.debug("where it broke off", exc_info=error)
        errors.count(place.account, place.region, "scan", error)
    finally:
        scan.close()
        # A client holds a megabyte and more, which adds up over accounts and regions.
        place.clients.let_go(place.region)
    return looked
