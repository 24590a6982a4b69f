"""Addresses that a secret may be sent to."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from phasegate.core import InvalidInput


def safe_address(name: str, address: str) -> str:
    """The address that a variable holds, when nobody on the way can read along. Errors never show it: it may be secret.

    Raises:
        InvalidInput: it is neither https, nor http on this machine, or holds a user name.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    plain = address.isascii() and address.isprintable() and " " not in address and "\\" not in address
    if not plain or not host or "@" in parts.netloc or port == 0:
        raise InvalidInput(f"{name} is not an address", fix="set it to https://HOST/PATH")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        fix = "use https; http is only for an address of this machine, such as 127.0.0.1"
        raise InvalidInput(f"{name} does not start with https", fix=fix)
    return address


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
