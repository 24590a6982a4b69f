"""Random secrets that are shown once, and of which only a digest is kept."""

import hashlib
import secrets

BYTES = 32


def new_secret() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(BYTES)


def digest_of(secret: str) -> bytes:
    """Return the SHA-256 of a secret, which suffices for one that nobody can guess.

    >>> digest_of("a").hex()[:8]
    'ca978112'
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
