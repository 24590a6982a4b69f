"""Canonical bytes of a value (RFC 8785), and their digest (SHA-256)."""

import hashlib
from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:
    """The value as canonical JSON.

    >>> canonical({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON, or of bytes as they are, as 64 hexadecimal digits.

    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()
