"""The process that holds a key: `python -I -m phasegate.keyholder.process`, with a socket as its standard input.

It is started with an empty environment and no other file, closes itself to other processes before it is given the
passphrase, and ends with its mandate, its time or its parent, whichever is first. It prints nothing.
"""

import base64
import os
import select
import socket
import sys
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from phasegate.keyholder.custody import Custody, Mandate, NotSignedError
from phasegate.keyholder.frames import ANSWER_SECONDS, receive, receive_json, send_json, wipe
from phasegate.keyholder.hardening import close_to_others, die_with_parent, is_traced, lock_memory
from phasegate.keyholder.pkcs8 import is_weak, seal_pem

_LOOK_SECONDS = 5.0
"""How often the time is looked at: a wait does not count the time that the machine sleeps."""


def main() -> int:
    """Hold one key for the process at the other end of the socket."""
    close_to_others()
    die_with_parent()
    # Whoever opened this process's memory while it was starting keeps that open; the memory of a child is another, and
    # was closed from its first moment.
    child = os.fork()
    if child:
        os.close(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    die_with_parent()
    if is_traced() or os.getppid() == 1:
        os._exit(1)
    with socket.socket(fileno=0) as channel:
        channel.settimeout(ANSWER_SECONDS)
        _hold(channel)
    os._exit(0)  # nothing is flushed, and nothing else runs


def _hold(channel: socket.socket) -> None:
    try:
        send_json(channel, ready=True)
        order = receive_json(channel)
        custody = _unlock(channel, order)
        if custody:
            _serve(channel, custody)
    except (EOFError, OSError, ValueError):
        return  # its parent is gone, or does not speak as agreed: the key goes with this process


def _unlock(channel: socket.socket, order: dict[str, Any]) -> Custody | None:
    pem, passphrase = base64.b64decode(order["pem"]), receive(channel)
    try:
        key = load_pem_private_key(pem, cast(bytes, passphrase))  # the buffer itself, so that there is no copy
    except (ValueError, TypeError):
        send_json(channel, refused="wrong_passphrase", detail="the passphrase does not open the key")
        return None
    if not isinstance(key, Ed25519PrivateKey):
        send_json(channel, refused="another_key", detail="the key is of another kind")
        return None
    renewed = seal_pem(key, bytes(passphrase)) if is_weak(pem) else b""
    wipe(passphrase)
    custody = Custody(key, Mandate(**order["mandate"]))
    del key
    locked = lock_memory() or custody.is_locked
    public, anew = (base64.b64encode(part).decode() for part in (custody.public, renewed))
    send_json(channel, public=public, renewed=anew, locked=locked)
    return custody


def _serve(channel: socket.socket, custody: Custody) -> None:
    while left := custody.left():
        if select.select([channel], [], [], min(left, _LOOK_SECONDS))[0]:
            try:
                _sign(channel, custody)
            except NotSignedError as refusal:
                send_json(channel, refused=refusal.reason, detail=refusal.detail)
                if not custody.signs_on:
                    return


def _sign(channel: socket.socket, custody: Custody) -> None:
    """Show what a statement says, and sign it where that is confirmed."""
    message = bytes(receive(channel))
    shown = custody.show(message)
    send_json(channel, kind=shown.kind, by=shown.by, sha256=shown.sha256, fields=dict(shown.fields))
    if receive(channel).decode("ascii", "replace") != shown.sha256:
        raise NotSignedError("not_confirmed", "the statement was not confirmed")
    send_json(channel, signature=base64.b64encode(custody.sign(message)).decode())


if __name__ == "__main__":
    sys.exit(main())
