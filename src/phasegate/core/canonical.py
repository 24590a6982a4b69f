"""Canonical bytes of a value (RFC 8785), and their digest (SHA-256)."""

import hashlib
import json
from typing import Any

import rfc8785

_LARGEST = 2**53 - 1
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def canonical(value: Any) -> bytes:
    """The value as canonical JSON.

    >>> canonical({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    # The library writes piece by piece in Python. Of a value whose form is the same in both, the standard library gives
    # the same bytes ten times as fast; a text that is no UTF-8 is left to the library, which says so.
    if _is_common(value):
        try:
            return _ENCODER.encode(value).encode()
        except UnicodeEncodeError:
            pass
    return rfc8785.dumps(value)


def _is_common(value: Any) -> bool:
    """Return whether a value has nothing that JSON and canonical JSON write in two ways.

    That is numbers with a fraction, large ones, and names that UTF-16 sorts otherwise than Unicode.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is dict:
        return all(type(name) is str and name.isascii() and _is_common(each) for name, each in value.items())
    if kind is list or kind is tuple:
        return all(map(_is_common, value))
    return kind is int and -_LARGEST <= value <= _LARGEST


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON, or of bytes as they are, as 64 hexadecimal digits.

    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()
