"""One way to write a value as bytes (RFC 8785), and one way to digest it (SHA-256)."""

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
    """SHA-256 over the canonical JSON, or over bytes as they are; 64 hexadecimal digits.

    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()
