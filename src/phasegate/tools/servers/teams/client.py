"""Everything that we ask of Teams: one POST to the address of a workflow that posts a card.

Whoever knows the address can post, so it is in no message and in no log. Teams gives no way to read back what was
posted. What this process knows of a key, it remembers: what was taken is not sent again, and what may or may not have
arrived is left to a person.
"""

import logging
from collections import OrderedDict
from threading import Lock
from typing import Literal

import httpx

from phasegate.core import Missing, PhasegateError, Refused, Unknown
from phasegate.tools.addresses import safe_address
from phasegate.tools.servers.http_calls import RetryPolicy, rate_limited
from phasegate.tools.servers.teams.cards import Card, message

_LOOK = "look into the channel for the key at the foot of a card; when it is not there, post under another key"
_REMEMBERED = 10_000


class TeamsClient:
    """A Teams workflow, and so one channel."""

    def __init__(self, address: str, patience: RetryPolicy | None = None) -> None:
        self._address = httpx.URL(safe_address("TEAMS_WEBHOOK_URL", address))
        self._patience = patience or RetryPolicy()
        self._http = httpx.Client(timeout=self._patience.answer_s, follow_redirects=False)
        self._known: OrderedDict[str, Literal["taken", "unknown"]] = OrderedDict()
        self._lock = Lock()
        for library in ("httpx", "httpcore"):  # they log addresses, and headers that may hold some
            logging.getLogger(library).setLevel(logging.WARNING)

    def post(self, card: Card) -> bool:
        """Post a card, or return False where this process has posted it for the key before.

        Raises:
            Refused: nobody knows whether a card of this key arrived (`unknown-outcome`).
            PhasegateError: it was not posted; or nothing is known of it, and the message says so.
        """
        content = message(card)
        with self._lock:
            known = self._known.get(card.key)
            if known == "unknown":
                raise Refused(f"a card of {card.key!r} may have arrived", reason="unknown-outcome", fix=_LOOK)
            if known == "taken":
                return False
            if len(self._known) >= _REMEMBERED:
                self._known.popitem(last=False)
            self._known[card.key] = "unknown"
            try:
                self._patience.slowed(lambda: self._send(content))
            except Unknown:
                raise
            except PhasegateError:
                del self._known[card.key]
                raise
            self._known[card.key] = "taken"
            return True

    def _send(self, content: bytes) -> None:
        self._judge(self._answer(content))

    def _answer(self, content: bytes) -> httpx.Response:
        """The answer's status and headers: they say all, so that a torn or endless body does no harm."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            with self._http.stream("POST", self._address, content=content, headers=headers) as answer:
                return answer
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            fix = "check the network, and the host of TEAMS_WEBHOOK_URL; then call again"
            says = f"no connection to {self._address.host} ({type(error).__name__}): the card was not posted"
            raise PhasegateError(says, fix=fix) from None
        except httpx.HTTPError as error:
            raise _unknown(f"Teams gave no readable answer ({type(error).__name__})") from None

    def _judge(self, answer: httpx.Response) -> None:
        status, where = answer.status_code, self._address.host
        if status == 429:
            raise rate_limited("Teams", answer.headers, "it was not posted")
        if status in (200, 202):
            return
        if status >= 500 or status < 300 or status == 408:
            raise _unknown(f"Teams answered {status}")
        if status < 400:
            says = f"{where} leads somewhere else ({status}), which is not followed: the card was not posted"
            raise Missing(says, fix="set TEAMS_WEBHOOK_URL to the address that the workflow shows now")
        if status in (401, 403, 404, 410):
            says = f"the workflow at {where} does not take cards ({status}): the card was not posted"
            fix = "see whether it is on and whose it is; set TEAMS_WEBHOOK_URL to the address that it shows now"
            raise Missing(says, fix=fix)
        says = f"Teams refuses the card ({status}): it was not posted"
        raise Refused(
            says,
            reason="invalid",
            fix="shorten it" if status == 413 else "see the workflow's run history for what is wrong",
        )


def _unknown(says: str) -> Unknown:
    return Unknown(f"{says}: the card may or may not have been posted; do not call again by yourself", fix=_LOOK)
