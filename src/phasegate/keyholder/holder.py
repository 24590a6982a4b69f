"""Keys that another process holds for this one, which asks for signatures and never sees a key."""

import base64
import hashlib
import logging
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from phasegate.core import InvalidInput, PhasegateError, Refused
from phasegate.keyholder.custody import Custody, Mandate, NotSignedError, Shown
from phasegate.keyholder.frames import ANSWER_SECONDS, receive_json, send, send_json, wipe
from phasegate.keyholder.pkcs8 import is_weak, seal_pem

_log = logging.getLogger("phasegate.keyholder")
_COMMAND = (sys.executable, "-I", "-m", "phasegate.keyholder.process")
_FORGOTTEN = "give your passphrase again"


class HeldKey(Protocol):
    """A key that is held elsewhere, and signs while its mandate lasts."""

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        ...

    @property
    def renewed(self) -> bytes:
        """The key's file, encrypted anew, or nothing where it was encrypted well enough."""
        ...

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw public key, 64 hexadecimal digits."""
        ...

    def is_held(self) -> bool:
        """Return whether the key is not forgotten yet."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature of a statement, as `phasegate.ledger.pae` encodes it.

        Raises:
            Refused: `forgotten`, `no_statement`, `another_person` or `another_kind`; then nothing was signed.
        """
        ...

    def close(self) -> None:
        """Have the key forgotten at once."""
        ...


Hold = Callable[[bytes, str, Mandate], HeldKey]
"""Has a key held: its PEM, its passphrase, and what it may sign. It takes a while, so call it in a thread."""


class ProcessKey:
    """A key in a process of its own."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", channel: socket.socket, mandate: Mandate, opened: Mapping[str, Any]
    ) -> None:
        """Take over the process, its socket, and what it said of the key."""
        self._process, self._channel = process, channel
        self._left = None if mandate.only_decisions else mandate.statements
        self._turn = threading.Lock()
        self._end = weakref.finalize(self, _end, process, channel)
        self.public = base64.b64decode(opened["public"])
        self.renewed = base64.b64decode(opened["renewed"])
        self.is_locked = bool(opened["locked"])
        """Whether the key's memory stays out of the swap."""

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw public key, 64 hexadecimal digits."""
        return hashlib.sha256(self.public).hexdigest()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def is_held(self) -> bool:
        """Return whether the process lives."""
        return self._process.poll() is None

    def sign(self, message: bytes) -> bytes:
        """Have the process show a statement, log what it says, and have it signed."""
        with self._turn:
            try:
                return self._signed(message)
            except (EOFError, OSError, ValueError) as error:
                self.close()
                raise Refused("the key is forgotten", reason="forgotten", fix=_FORGOTTEN) from error
            except Refused:
                if self._left is not None:
                    self.close()
                raise

    def close(self) -> None:
        """End the process."""
        self._end()

    def _signed(self, message: bytes) -> bytes:
        send(self._channel, message)
        shown = Shown(**_answer(self._channel))
        send(self._channel, shown.sha256.encode())
        signature = base64.b64decode(_answer(self._channel)["signature"])
        log_signed(shown)
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self.close()
        return signature


def hold_key(pem: bytes, passphrase: str, mandate: Mandate) -> ProcessKey:
    """Have a process of its own unlock a key and hold it.

    The passphrase goes to the process through a socket that it alone has, once it is closed to others. The process
    ends when the thread that called this ends.

    Args:
        pem: The key, encrypted.
        passphrase: Opens it.
        mandate: What it may sign.

    Raises:
        Refused: The passphrase does not open it, reason `wrong_passphrase`.
        InvalidInput: It is a key of another kind.
        PhasegateError: The process does not start.
    """
    ours, theirs = socket.socketpair()
    ours.settimeout(ANSWER_SECONDS)
    secret = bytearray(passphrase.encode())
    with theirs:
        process = subprocess.Popen(
            _COMMAND, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}, cwd="/"
        )
    try:
        receive_json(ours)  # it says that it is ready: closed to others
        send_json(ours, pem=base64.b64encode(pem).decode(), mandate=asdict(mandate))
        send(ours, secret)
        return ProcessKey(process, ours, mandate, _answer(ours))
    except BaseException as error:
        _end(process, ours)
        if isinstance(error, EOFError | OSError):
            raise PhasegateError("the process that holds keys does not start", fix="try again") from error
        raise
    finally:
        wipe(secret)


def _end(process: "subprocess.Popen[bytes]", channel: socket.socket) -> None:
    channel.close()
    process.kill()
    process.wait()


def hold_here(pem: bytes, passphrase: str, mandate: Mandate) -> "LocalKey":
    """Hold a key in this process: the double of `hold_key` for tests, by the same mandate.

    Raises:
        Refused: The passphrase does not open it, reason `wrong_passphrase`.
        InvalidInput: It is a key of another kind.
    """
    try:
        key = load_pem_private_key(pem, passphrase.encode())
    except (ValueError, TypeError) as error:
        raise _refusal("wrong_passphrase", "the passphrase does not open the key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _refusal("another_key", "the key is of another kind")
    return LocalKey(Custody(key, mandate), seal_pem(key, passphrase.encode()) if is_weak(pem) else b"")


class LocalKey:
    """A key in this process."""

    def __init__(self, custody: Custody, renewed: bytes = b"") -> None:
        """Take the key, and its file where that was encrypted anew."""
        self._custody, self.renewed = custody, renewed
        self.public = custody.public

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw public key, 64 hexadecimal digits."""
        return hashlib.sha256(self.public).hexdigest()

    def is_held(self) -> bool:
        """Return whether the key is not forgotten yet."""
        return self._custody.left() > 0

    def sign(self, message: bytes) -> bytes:
        """Sign a statement."""
        try:
            shown = self._custody.show(message)
            signature = self._custody.sign(message)
        except NotSignedError as error:
            if not self._custody.signs_on:
                self._custody.forget()
            raise _refusal(error.reason, error.detail) from error
        log_signed(shown)
        return signature

    def close(self) -> None:
        """Forget the key."""
        self._custody.forget()


def log_signed(shown: Shown) -> None:
    """Log what was signed."""
    _log.info("signed: %s", shown, extra={"action": "signed", "kind": shown.kind, "by": shown.by, **shown.fields})


def _answer(channel: socket.socket) -> dict[str, Any]:
    """Receive an answer.

    Raises:
        PhasegateError: It is a refusal.
    """
    answer = receive_json(channel)
    if "refused" in answer:
        raise _refusal(answer["refused"], answer["detail"])
    return answer


def _refusal(reason: str, detail: str) -> PhasegateError:
    if reason == "another_key":
        return InvalidInput(detail, fix="make one: 'phasegate manager init'")
    fixes = {"wrong_passphrase": "try again", "forgotten": _FORGOTTEN}
    return Refused(detail, reason=reason, fix=fixes.get(reason, "sign it at a terminal, with your passphrase"))
