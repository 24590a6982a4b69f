"""Random secrets that are shown once, and of which only a digest is kept."""

import hashlib
import secrets

BYTES = 32


def new_secret() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(BYTES)


def digest_of(secret: str) -> bytes:
    """SHA-256; enough for a secret that nobody can guess, and as short as it takes.

    >>> digest_of("a").hex()[:8]
    'ca978112'
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
