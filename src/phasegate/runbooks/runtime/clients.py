"""Clients of one account."""

import threading
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from .partitions import HOME_REGION
from .sessions import RoleCredentials, own_session

_CONFIG = Config(
    retries={"mode": "adaptive", "total_max_attempts": 12},  # a minute or two of throttling, with jitter
    connect_timeout=10,
    read_timeout=60,
    # More than the threads of one place, which share a client.
    max_pool_connections=32,
    user_agent_extra="phasegate-runbook",
)
_MAKING = threading.Lock()
"""Cache of clients, made one at a time: sessions share a loader, and none of botocore's is made for threads."""


class Clients:
    """Makes each client once. Times in answers are ISO 8601 strings, so that expressions can compare them."""

    def __init__(
        self,
        session: boto3.Session | None = None,
        endpoint: str | None = None,
        credentials: RoleCredentials | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        own = own_session(session, credentials)
        self.region: str = own.get_config_variable("region") or HOME_REGION
        """Of the session's profile or environment."""
        self._session: Any = boto3.Session(botocore_session=own)
        self._made: dict[tuple[str, str], Any] = {}

    def get(self, service: str, region: str) -> Any:
        """Return the client of a service in a region.

        AWS_ENDPOINT_URL is honoured as boto3 does.
        """
        with _MAKING:
            if (service, region) not in self._made:
                self._made[service, region] = self._session.client(
                    service, region_name=region, endpoint_url=self._endpoint, config=_CONFIG
                )
            return self._made[service, region]

    def let_go(self, region: str) -> None:
        """Drop the clients of a region that is done, since each holds a megabyte and more."""
        with _MAKING:
            self._made = {key: client for key, client in self._made.items() if key[1] != region}

    def as_role(self, arn: str, region: str, more: Mapping[str, Any] | None = None) -> "Clients":
        """The clients of another account, through a role that this one may assume.

        Args:
            arn: Of the role, which is assumed when a client first calls.
            region: Where the security token service is asked.
            more: Further parameters of AssumeRole, such as `ExternalId`.
        """
        asked = {"RoleArn": arn, "RoleSessionName": "phasegate-runbook", **(more or {})}
        credentials = RoleCredentials(lambda: self.get("sts", region).assume_role(**asked))
        return Clients(endpoint=self._endpoint, credentials=credentials)

    def enter(self) -> None:
        """Assume the role now, where there is one.

        Raises:
            ClientError, BotoCoreError: it may not be assumed.
        """
        if self._credentials is not None:
            self._credentials.get_frozen_credentials()
