"""Sessions of our own: one model loader for all, answers that are checked, credentials that renew themselves."""

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError, ResponseParserFactory

from .dates import iso

UNREADABLE = "UnreadableAnswer"
"""The code of an answer that is not AWS's: a proxy's page, or one that broke off."""
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_OUT_OF_REACH = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, SSLError, ReadTimeoutError)
_TRIES_OUT_OF_REACH = 4
_TRIES_UNREADABLE = 6
_LONGEST_PAUSE = 20.0
_RENEWED_LATELY = 5.0
_SHOWN = 120


def own_session(given: boto3.Session | None = None, credentials: "RoleCredentials | None" = None) -> Any:
    """A botocore session apart from the caller's, whose settings must stay as they are.

    Args:
        given: Whose profile, region and credentials to use; boto3's own search where it is left out.
        credentials: Those of a role, instead.
    """
    profile = given.profile_name if given and given.profile_name != "default" else None
    session: Any = botocore.session.Session(profile=profile)  # its stubs know neither credentials nor handlers
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    parsers = _Parsers()
    parsers.set_parser_defaults(timestamp_parser=iso)
    session.register_component("response_parser_factory", parsers)
    if given is not None:
        session.set_config_variable("region", given.region_name)
    known = credentials or (given.get_credentials() if given else None)
    if known is not None:
        session._credentials = known  # the object itself: a frozen copy would not renew
    session.register("needs-retry", _Retries(credentials))
    session.register("after-call", _refuse_unreadable)
    return session


class RoleCredentials(DeferredRefreshableCredentials):
    """Credentials of a role, assumed when first needed, before they end, and where AWS says that they did."""

    def __init__(self, assume: Callable[[], Mapping[str, Any]]) -> None:
        self._renewed = 0.0
        super().__init__(refresh_using=lambda: _as_metadata(assume()), method="assume-role")

    def renew(self) -> None:
        """Assume the role anew, once where several calls ask for it at the same time."""
        with self._refresh_lock:  # type: ignore[attr-defined]
            # Several threads see the same expiry; the first renews, and the others find it done.
            if time.monotonic() - self._renewed > _RENEWED_LATELY:
                self._protected_refresh(is_mandatory=True)  # type: ignore[attr-defined]
                self._renewed = time.monotonic()


def _as_metadata(answer: Mapping[str, Any]) -> dict[str, str]:
    given = answer.get("Credentials") or {}
    return {
        "access_key": str(given.get("AccessKeyId")),
        "secret_key": str(given.get("SecretAccessKey")),
        "token": str(given.get("SessionToken")),
        "expiry_time": str(given.get("Expiration") or datetime.now(UTC).isoformat()),
    }


@cache
def _loader(path: str | None) -> Any:
    """Return the loader that reads botocore's models once a process: EC2's alone takes 25 MB and half a second."""
    return create_loader(path)


class _Parsers(ResponseParserFactory):
    """Parsers that call an unreadable answer an error of AWS, which is retried, counted and told like any other."""

    def create_parser(self, protocol_name: str) -> Any:
        return _Parser(super().create_parser(protocol_name))


class _Parser:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        if _is_not_of_aws(response, shape):
            return _unreadable(response)
        try:
            return self._inner.parse(response, shape)
        except ResponseParserError:
            return _unreadable(response)


def _is_not_of_aws(response: Mapping[str, Any], shape: Any) -> bool:
    """Return whether a success holds a web page or other text, which botocore would take for an empty answer."""
    body = response.get("body")
    if not isinstance(body, bytes) or not body or response["status_code"] >= 300:
        return False
    # Such an answer is the caller's own bytes, which may well be HTML.
    if shape is not None and shape.serialization.get("payload"):
        return False
    begin = body[:64].lstrip().lower()
    if begin.startswith((b"<!doctype html", b"<html")):
        return True
    kind = str(response.get("headers", {}).get("content-type", ""))
    return "json" in kind and not (begin.startswith((b"{", b"[")) and body.rstrip().endswith((b"}", b"]")))


def _unreadable(response: Mapping[str, Any]) -> dict[str, Any]:
    body, status = response.get("body"), response["status_code"]
    begin = " ".join(body[:_SHOWN].decode("utf-8", "replace").split()) if isinstance(body, bytes) else ""
    return {
        "Error": {"Code": UNREADABLE, "Message": f"HTTP {status} with a body that is not an answer of AWS: {begin!r}"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
    }


def _refuse_unreadable(parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    """Raise where the HTTP status calls it a success."""
    if (parsed.get("Error") or {}).get("Code") == UNREADABLE:
        raise ClientError(dict(parsed), model.name)  # type: ignore[arg-type]


class _Retries:
    """Retries that botocore lacks: unreadable answers, ended sessions, and places that do not answer."""

    def __init__(self, credentials: RoleCredentials | None) -> None:
        self._credentials = credentials

    def __call__(self, attempts: int = 1, response: Any = None, caught_exception: Any = None, **_: Any) -> float | None:
        # Fewer tries than botocore's own: an endpoint out of reach costs its whole time-out at each.
        if isinstance(caught_exception, _OUT_OF_REACH) and attempts >= _TRIES_OUT_OF_REACH:
            # Raising ends botocore's own retries, which would go on.
            raise caught_exception
        code = ((response[1].get("Error") or {}) if response else {}).get("Code")
        # Once: credentials that expire right after they were renewed are a clock or a policy problem.
        if code in _EXPIRED and self._credentials is not None and attempts == 1:
            self._credentials.renew()
            return 0.0
        if code == UNREADABLE and attempts < _TRIES_UNREADABLE:
            return random.random() * min(0.1 * float(2**attempts), _LONGEST_PAUSE)  # noqa: S311  # jitter
        return None
