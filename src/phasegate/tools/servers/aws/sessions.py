"""AWS sessions: the caller's own, and those of the role that it assumes in other accounts."""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError

from phasegate.core import Clock, InvalidInput, Missing
from phasegate.tools.servers.aws.failures import explained
from phasegate.tools.servers.aws.operations import near, regions

ROLE = "PHASEGATE_AWS_ROLE"
"""The role that is assumed in other accounts, such as `audit/phasegate-read`."""
EXTERNAL_ID = "PHASEGATE_AWS_EXTERNAL_ID"
"""What the trust policy of that role may ask for."""

_EARLIER = timedelta(minutes=5)
_LIFE = 3600
"""Seconds; more is not to be had where the caller's own identity is a role."""
_ACCOUNT = re.compile(r"[0-9]{12}")
_ROLE_NAME = re.compile(r"(?!.*//)[A-Za-z0-9+=,.@_-][A-Za-z0-9+=,.@_/-]{0,511}(?<!/)")
_ATTEMPTS = 3
_MOST_ATTEMPTS = 5


@dataclass
class _Held:
    session: boto3.Session
    until: datetime | None = None
    """When a new one is due; None for the caller's own, which botocore renews."""
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The identity of a caller."""

    account: str
    arn: str
    user_id: str


class Sessions:
    """Clients by account and region, each made once.

    Args:
        environ: The AWS_* variables of the server; what they leave open is boto3's to find (profile, instance role).
        clock: Says when an assumed session is due.

    Raises:
        InvalidInput: `PHASEGATE_AWS_ROLE` is no name of a role.
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._environ = {name: value.strip() for name, value in environ.items() if value.strip()}
        self._clock = clock
        self._role = self._environ.get(ROLE, "").lstrip("/")
        if self._role and not _ROLE_NAME.fullmatch(self._role):
            raise InvalidInput(f"{ROLE} is no name of a role", fix="set it to a name or path/name, not to an ARN")
        self._held: dict[str, _Held] = {}
        self._identity: Identity | None = None
        # Regions are asked side by side in threads, and boto3's sessions are not safe to make clients from in several.
        self._lock = threading.RLock()
        self.region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION") or "us-east-1"

    def client(self, service: str, region: str, account: str = "") -> Any:
        """Return the client of a service in the caller's account, or in another by assuming the role there.

        Raises:
            InvalidInput: no such region, or no account number.
            Missing: no role is set for other accounts, or it may not be assumed.
        """
        if region not in regions():
            raise InvalidInput(f"there is no AWS region {region!r}", fix=near(region, regions(), "use a region's code"))
        with self._lock:
            held = self._of(account)
            if (service, region) not in held.clients:
                held.clients[service, region] = self._new(held.session, service, region)
            return held.clients[service, region]

    def forget(self, account: str) -> None:
        """Drop an assumed session that AWS no longer accepts, so that the next client gets a new one."""
        with self._lock:
            self._held.pop(account, None)
            self._identity = None

    def identity(self) -> Identity:
        """Return the caller's identity in its own account, which is asked for once."""
        with self._lock:
            if self._identity is None:
                self._identity = self.ask("")
            return self._identity

    def ask(self, account: str) -> Identity:
        """Return the caller's identity in an account, as AWS gives it."""
        with explained("sts:GetCallerIdentity", place(account)):
            said = self.client("sts", self.region, account).get_caller_identity()
        return Identity(account=said["Account"], arn=said["Arn"], user_id=said["UserId"])

    def _of(self, account: str) -> _Held:
        if not account:
            if "" not in self._held:
                self._held[""] = _Held(self._own())
            return self._held[""]
        if not _ACCOUNT.fullmatch(account):
            raise InvalidInput(f"{account[:40]!r} is no AWS account", fix="write the 12 digits, or leave it empty")
        # The caller is there already, and the role may not trust the account that it is in.
        if account == self.identity().account:
            return self._of("")
        held = self._held.get(account)
        if held is None or held.until is None or self._clock.now() >= held.until:
            held = self._held[account] = self._assumed(account)
        return held

    def _own(self) -> boto3.Session:
        """The session of the environment: keys if they stand there, else the profile, else boto3's own chain."""
        with explained("sts:GetCallerIdentity", place("")):
            key, secret = self._environ.get("AWS_ACCESS_KEY_ID"), self._environ.get("AWS_SECRET_ACCESS_KEY")
            if key and secret:
                return boto3.Session(key, secret, self._environ.get("AWS_SESSION_TOKEN"))
            return boto3.Session(profile_name=self._environ.get("AWS_PROFILE"))

    def _assumed(self, account: str) -> _Held:
        if not self._role:
            fix = f"set {ROLE} to the name of a role that every account has, or ask without an account"
            raise Missing(f"there is no role to assume in account {account}", fix=fix)
        # China and GovCloud have partitions of their own, and no role is assumed across them.
        partition = self.identity().arn.split(":")[1]
        arn = f"arn:{partition}:iam::{account}:role/{self._role}"
        extra = {"ExternalId": self._environ[EXTERNAL_ID]} if EXTERNAL_ID in self._environ else {}
        with explained("sts:AssumeRole", arn):
            said = self.client("sts", self.region).assume_role(
                RoleArn=arn, RoleSessionName="phasegate", DurationSeconds=_LIFE, **extra
            )["Credentials"]
        session = boto3.Session(said["AccessKeyId"], said["SecretAccessKey"], said["SessionToken"])
        # A session that ends in the middle of a listing would have it read again from the start.
        return _Held(session, said["Expiration"] - _EARLIER)

    def _new(self, session: boto3.Session, service: str, region: str) -> Any:
        make: Any = session.client
        specific = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
        with explained(f"{service}:*", region):
            client = make(
                service,
                region_name=region,
                endpoint_url=self._environ.get(specific) or self._environ.get("AWS_ENDPOINT_URL"),
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": self._attempts()},
                    connect_timeout=5,
                    read_timeout=30,
                    user_agent_extra="phasegate",
                ),
            )
        if client.meta.service_model.resolved_protocol in ("json", "rest-json"):
            client.meta.events.register(f"after-call.{client.meta.service_model.service_id.hyphenize()}", _is_whole)
        return client

    def _attempts(self) -> int:
        said = self._environ.get("AWS_MAX_ATTEMPTS", "")
        return min(max(int(said), 1), _MOST_ATTEMPTS) if said.isdecimal() else _ATTEMPTS


def _is_whole(http_response: Any, model: OperationModel, **_: Any) -> None:
    """Refuse an answer that is no JSON, of which botocore makes an empty one: nothing found, where nothing is known.

    Raises:
        ResponseParserError: it broke off, or something else answered.
    """
    shape = model.output_shape
    if http_response.status_code >= 300 or model.has_streaming_output or not (shape and shape.members):
        return
    if "payload" in shape.serialization:  # the body is a member, and need not be JSON
        return
    try:
        json.loads(http_response.content)
    except ValueError as error:
        raise ResponseParserError(f"the answer to {model.name} is no JSON") from error


def place(account: str, region: str = "") -> str:
    """Return the account and region of a call for messages."""
    whose = f"account {account}" if account else "the server's own account"
    return f"{region} of {whose}" if region else whose
