"""One account's clients, and all pages of an operation."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from .dates import iso

HOME_REGION = "us-east-1"
_TOKEN_IN = re.compile(r"(next|page|continuation|nextpage)?(token|marker)", re.IGNORECASE)
_TOKEN_OUT = re.compile(r"next(page|continuation)?(token|marker)|pagetoken|marker", re.IGNORECASE)
_CONFIG = Config(
    retries={"mode": "adaptive", "max_attempts": 4},
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=32,
    user_agent_extra="phasegate-runbook",
)


class Clients:
    """Makes each client once. Times in answers are ISO 8601 strings, so that expressions can compare them."""

    def __init__(self, session: boto3.Session | None = None, endpoint: str | None = None) -> None:
        self._endpoint = endpoint
        self._session: Any = boto3.Session(botocore_session=_own_session(session))
        self._made: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def get(self, service: str, region: str) -> Any:
        """The client of a service in a region; AWS_ENDPOINT_URL is honoured as boto3 does."""
        with self._lock:
            if (service, region) not in self._made:
                self._made[service, region] = self._session.client(
                    service, region_name=region, endpoint_url=self._endpoint, config=_CONFIG
                )
            return self._made[service, region]

    def as_role(self, arn: str, name: str) -> "Clients":
        """The clients of another account, through a role that this one may assume."""
        answer = self.get("sts", HOME_REGION).assume_role(RoleArn=arn, RoleSessionName=name[:64])
        given = answer["Credentials"]
        session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return Clients(session, self._endpoint)


def _own_session(given: boto3.Session | None) -> botocore.session.Session:
    """A session of our own: how times are read is a setting of the session, and the caller's must stay as it is."""
    session = botocore.session.Session(
        profile=given.profile_name if given and given.profile_name != "default" else None
    )
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=iso)
    if given is not None:
        credentials = given.get_credentials()
        if credentials is not None:
            frozen = credentials.get_frozen_credentials()
            session.set_credentials(str(frozen.access_key), str(frozen.secret_key), frozen.token)
    return session


def pages(client: Any, operation: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every page of an operation: by botocore's paginator, or else by the token of the answer, or else the one."""
    if client.can_paginate(operation):
        yield from client.get_paginator(operation).paginate(**params)
        return
    tokens = _tokens(client, operation)
    answer = getattr(client, operation)(**params)
    yield answer
    while tokens and answer.get(tokens.answered):
        answer = getattr(client, operation)(**{**params, tokens.given: answer[tokens.answered]})
        yield answer


def whole(client: Any, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """One answer, all its pages joined; a single page where the caller sets how many rows there may be."""
    if not client.can_paginate(operation):
        return dict(getattr(client, operation)(**params))
    paginator = client.get_paginator(operation)
    if _limit_key(paginator) in params:
        return dict(getattr(client, operation)(**params))
    return dict(paginator.paginate(**params).build_full_result())


def _limit_key(paginator: Any) -> str | None:
    key: str | None = paginator._pagination_cfg.get("limit_key")
    return key


@dataclass(frozen=True, kw_only=True)
class _Tokens:
    """The members that carry the next page of an operation without a paginator."""

    given: str
    answered: str


def _tokens(client: Any, operation: str) -> _Tokens | None:
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
    given = _like(_TOKEN_IN, model.input_shape)
    answered = _like(_TOKEN_OUT, model.output_shape)
    return _Tokens(given=given, answered=answered) if given and answered else None


def _like(pattern: re.Pattern[str], shape: Any) -> str | None:
    names: Sequence[str] = list(getattr(shape, "members", {}))
    return next((name for name in names if pattern.fullmatch(name)), None)
