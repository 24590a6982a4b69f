"""Ed25519 keys of two roles: the manager's, under a passphrase of their own, and the system's.

An agent with a shell can read every file of the workspace. It cannot decide: the manager's private key is of no use
without the passphrase, and what the system's key signs is never taken for a person's decision.
"""

import base64
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from phasegate.core import Exhausted, InvalidInput, Missing, Refused
from phasegate.core.files import OWNER_FILE, owner_folder, write_whole
from phasegate.core.locks import lock_file
from phasegate.keyholder import COST, SECURITY_KEY, is_weak, line_of, public_blob, read_line, seal_pem, signed_by_device
from phasegate.store import LOST

SYSTEM_KEY = "system.key"
MIN_PASSPHRASE = 8
SIGNATURE_BYTES = 64


class Signer(Protocol):
    """Signs statements under one key."""

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw public key, 64 hexadecimal digits."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        ...


class Verifier(Protocol):
    """Verifies what was signed under one key."""

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether the key signed the message."""
        ...


@dataclass(frozen=True)
class PublicKey:
    """A public key, as `phasegate.toml` holds it: 32 raw bytes in base64, or a security key's line of OpenSSH's."""

    raw: bytes
    application: str = ""
    """Of a security key, which signs after a touch; empty for a key in a file."""

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """Reads base64, or a security key's line.

        Raises:
            InvalidInput: it is not a key.
        """
        try:
            if text.startswith(f"{SECURITY_KEY} "):
                key = cls(*read_line(text))
                Ed25519PublicKey.from_public_bytes(key.raw)
                return key
            raw = base64.b64decode(text, validate=True)
            Ed25519PublicKey.from_public_bytes(raw)
        except ValueError as error:
            raise InvalidInput(
                f"'{text}' is not an Ed25519 public key in base64", fix="run 'phasegate manager init' again"
            ) from error
        return cls(raw)

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw key, or of a security key's whole public key: 64 hexadecimal digits."""
        named = public_blob(self.raw, self.application) if self.application else self.raw
        return hashlib.sha256(named).hexdigest()

    def __str__(self) -> str:
        if self.application:
            return line_of(self.raw, self.application)
        return base64.b64encode(self.raw).decode()

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether this key signed the message."""
        try:
            if self.application:
                message, signature = signed_by_device(self.application, message, signature), signature[:64]
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class PrivateKey:
    """A key that is unlocked, in memory only."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> "PrivateKey":
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        return PublicKey(
            self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        )

    @property
    def key_id(self) -> str:
        """Id of the public key."""
        return self.public.key_id

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self._key.sign(message)

    def sealed(self, passphrase: str | None, cost: int = COST) -> bytes:
        """The bytes of its file, encrypted where a passphrase is given.

        Args:
            passphrase: opens it; None: the file is not encrypted.
            cost: scrypt's N, a power of two.

        Raises:
            InvalidInput: the passphrase is shorter than 8 characters.
        """
        if passphrase is not None and len(passphrase) < MIN_PASSPHRASE:
            raise InvalidInput("the passphrase is too short", fix=f"take at least {MIN_PASSPHRASE} characters")
        if passphrase:
            return seal_pem(self._key, passphrase.encode(), cost)
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


class RememberingSigner:
    """A signer that knows its own newest signatures again, so that they need not be verified."""

    def __init__(self, key: PrivateKey, most: int = 4096) -> None:
        """Take the key to sign with, and the number of signatures to remember."""
        self._key, self._most = key, most
        self._public = key.public
        self._signed: dict[bytes, None] = {}
        """What was signed, as digests of the signature and the message."""

    @property
    def key_id(self) -> str:
        """Id of the public key."""
        return self._public.key_id

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        signature = self._key.sign(message)
        self._signed[_mark(message, signature)] = None
        if len(self._signed) > self._most:
            del self._signed[next(iter(self._signed))]
        return signature

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether the key signed the message, here or in another process."""
        return _mark(message, signature) in self._signed or self._public.verifies(message, signature)


def _mark(message: bytes, signature: bytes) -> bytes:
    # Of another length, the two could be joined at another place to the same bytes, and pass for a pair that was
    # signed.
    return hashlib.sha256(signature + message).digest() if len(signature) == SIGNATURE_BYTES else b""


def create_key(path: Path, passphrase: str | None, cost: int = COST) -> PrivateKey:
    """Makes a key and writes it, encrypted where a passphrase is given, readable by its owner alone.

    Args:
        path: Where.
        passphrase: opens it; None: the file is not encrypted.
        cost: scrypt's N, a power of two.

    Raises:
        InvalidInput: there is a key already, or the passphrase is shorter than 8 characters.
    """
    key = PrivateKey.generate()
    write_key(path, key.sealed(passphrase, cost))
    return key


def write_key(path: Path, pem: bytes) -> None:
    """Writes the file of a key, readable by its owner alone.

    Raises:
        InvalidInput: there is a key already.
    """
    if path.exists():
        raise InvalidInput(
            f"there is a key already: '{path}'", fix="use it, or move it away; what it signed stays valid"
        )
    owner_folder(path.parent, parents=True)
    write_whole(path, pem, OWNER_FILE)


def unlock_key(path: Path, passphrase: str | None) -> PrivateKey:
    """Reads a key, and encrypts its file anew where an earlier version wrote it in a way that is quick to guess.

    Raises:
        Missing: there is none.
        Refused: the passphrase does not open it; reason `wrong_passphrase`.
    """
    try:
        pem = path.read_bytes()
    except FileNotFoundError as error:
        raise Missing(f"there is no key '{path}'", fix="make one: 'phasegate manager init'") from error
    key = open_pem(pem, passphrase, f"the key '{path}'")
    if passphrase and is_weak(pem):
        with suppress(OSError):  # a key on a medium that cannot be written opens all the same
            write_whole(path, key.sealed(passphrase), OWNER_FILE)
    return key


def system_key(state: Path, *, in_use: bool) -> PrivateKey:
    """Return the system's signing key, made together with the record.

    Raises:
        Exhausted: It is gone, and runs are signed with it.
    """
    path = state / SYSTEM_KEY
    if path.exists():
        return unlock_key(path, None)
    if in_use:
        raise Exhausted(f"the system's key '{path}' is gone, and what happened here is signed with it", fix=LOST)
    # Two processes that begin a record together must end with one key: events under the other one could never be
    # verified.
    with lock_file(state / ".creating"):
        return unlock_key(path, None) if path.exists() else create_key(path, None)


def open_pem(pem: bytes, passphrase: str | None, name: str) -> PrivateKey:
    """Reads a key from the bytes of its file.

    Args:
        pem: the key, encrypted where there is a passphrase.
        passphrase: opens it.
        name: what to call it where it does not open.

    Raises:
        Refused: the passphrase does not open it; reason `wrong_passphrase`.
        InvalidInput: it is a key of another kind.
    """
    try:
        key = serialization.load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError) as error:
        raise Refused(f"the passphrase does not open {name}", reason="wrong_passphrase", fix="try again") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(f"{name} is of another kind", fix="make one: 'phasegate manager init'")
    return PrivateKey(key)
