"""Ports, networks and principals: who from outside is let in."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .functions import as_list, parse_json

_EVERYWHERE = {"0.0.0.0/0", "::/0"}
_ACCOUNT = re.compile(r"\d{12}")
_NARROWING_KEYS = {
    "aws:sourceaccount",
    "aws:sourceowner",
    "aws:sourcearn",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "kms:calleraccount",
}
_NARROWING_TESTS = {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"}


def opens_port(permissions: Any, port: int) -> bool:
    """Return whether an ingress rule lets everybody (0.0.0.0/0 or ::/0) reach the port, over any protocol.

    A rule without ports, or for all protocols, covers every port.
    """
    return any(_covers(rule, port) and _is_open(rule) for rule in as_list(permissions) if isinstance(rule, dict))


def _covers(rule: Mapping[str, Any], port: int) -> bool:
    first, last = rule.get("FromPort"), rule.get("ToPort")
    if rule.get("IpProtocol") == "-1" or first is None or last is None:
        return True
    return bool(first <= port <= last)


def _is_open(rule: Mapping[str, Any]) -> bool:
    ranges = [*as_list(rule.get("IpRanges")), *as_list(rule.get("Ipv6Ranges"))]
    flat = [rule.get("CidrIpv4"), rule.get("CidrIpv6")]
    return any(cidr in _EVERYWHERE for entry in ranges for cidr in (entry.get("CidrIp"), entry.get("CidrIpv6"))) or any(
        cidr in _EVERYWHERE for cidr in flat
    )


def in_cidr(address: Any, networks: Any) -> bool:
    """Return whether an address or a network lies in the network, or in one of several."""
    inner = _network(address)
    return inner is not None and any(_holds(_network(network), inner) for network in as_list(networks))


def _network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if isinstance(text, str) else None
    except ValueError:
        return None


def _holds(outer: Any, inner: Any) -> bool:
    return outer is not None and outer.version == inner.version and bool(inner.subnet_of(outer))


def foreign_principals(policy: Any, allowed: Any, account: str) -> list[str]:
    """Return whom outside the account a resource policy lets in: account ids, ARNs, or `*`.

    `allowed` lists accounts, ARNs or organizations that may be let in; the account itself always may. AWS services are
    not counted, nor a statement whose condition narrows it to what is allowed.
    """
    friends = {account, *(str(entry) for entry in as_list(allowed))}
    document = parse_json(policy)
    statements = as_list(document.get("Statement")) if isinstance(document, dict) else []
    found = (name for statement in statements for name in _foreigners(statement, friends))
    return list(dict.fromkeys(found))


def _foreigners(statement: Mapping[str, Any], friends: set[str]) -> Iterator[str]:
    if statement.get("Effect") != "Allow" or _narrowed(statement.get("Condition") or {}, friends):
        return
    if "NotPrincipal" in statement:
        yield "*"
    for name in _principals(statement.get("Principal")):
        if not _is_friend(name, friends):
            yield name


def _principals(principal: Any) -> Iterable[str]:
    if isinstance(principal, dict):
        kinds = (names for kind, names in principal.items() if kind != "Service")
        return [str(name) for names in kinds for name in as_list(names)]
    return [str(name) for name in as_list(principal)]


def _is_friend(name: str, friends: set[str]) -> bool:
    if name in friends:
        return True
    parts = name.split(":")
    return len(parts) > 4 and bool(_ACCOUNT.fullmatch(parts[4])) and parts[4] in friends


def _narrowed(conditions: Mapping[str, Any], friends: set[str]) -> bool:
    """Return whether one positive condition admits friends alone.

    Conditions are joined by "and", so one will do.
    """
    for test, keys in conditions.items():
        if test.lower().removeprefix("forallvalues:").removeprefix("foranyvalue:") not in _NARROWING_TESTS:
            continue
        for key, values in keys.items():
            wanted = [str(value) for value in as_list(values)]
            if key.lower() in _NARROWING_KEYS and wanted and all(_is_friend(value, friends) for value in wanted):
                return True
    return False
