"""Keys that an SSH agent holds: two messages of its protocol (draft-ietf-sshm-ssh-agent), to list keys and to sign.

What is signed is the statement's own encoding, so nobody who verifies it needs to know of SSH, except for keys of a
security key, whose signatures have a form of their own.
"""

import base64
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from phasegate.core import Missing, Refused
from phasegate.keyholder.custody import NotSignedError, read_statement
from phasegate.keyholder.holder import log_signed
from phasegate.keyholder.security_keys import SECURITY_KEY, line_of, put_string, read_blob, take_string

ADDRESS = "SSH_AUTH_SOCK"
_LIST, _KEYS, _SIGN, _SIGNATURE = 11, 12, 13, 14
_PLAIN = b"ssh-ed25519"
_MOST = 256 * 1024
_TOUCH_SECONDS = 60.0
"""How long a person has to touch the key, or to confirm in the agent's window."""


@dataclass(frozen=True, kw_only=True)
class AgentIdentity:
    """A key in an agent."""

    blob: bytes
    """The public key in SSH's wire form."""
    comment: str

    @property
    def text(self) -> str:
        """The public key as `phasegate.toml` lists it."""
        kind, rest = take_string(self.blob)
        if kind == _PLAIN:
            return base64.b64encode(take_string(rest)[0]).decode()
        return line_of(*read_blob(self.blob))

    @property
    def needs_touch(self) -> bool:
        """Return whether it is a security key's."""
        return take_string(self.blob)[0] == SECURITY_KEY.encode()

    @property
    def fingerprint(self) -> str:
        """The fingerprint that `ssh-add -l` shows."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


def list_identities() -> list[AgentIdentity]:
    """Return the Ed25519 keys of the agent that the environment names, if there is one."""
    if not os.environ.get(ADDRESS):
        return []
    try:
        answer = _ask(bytes([_LIST]), _KEYS)
    except OSError:
        return []
    return list(_identities(answer))


def find_identity(wanted: str) -> AgentIdentity:
    """Return the agent's Ed25519 key of that comment, fingerprint or public key.

    Raises:
        Missing: The agent has none, or several.
    """
    found = list_identities()
    fitting = [one for one in found if wanted in (one.comment, one.fingerprint, one.text)]
    if len(fitting) != 1:
        known = ", ".join(f"'{one.comment}' ({one.fingerprint})" for one in found) or "none"
        raise Missing(
            f"the SSH agent has {len(fitting)} Ed25519 keys '{wanted}'; it has: {known}",
            fix="name one by its comment or fingerprint, as 'ssh-add -l' shows them",
        )
    return fitting[0]


class AgentKey:
    """A key in an SSH agent, which signs one statement after another, each with the agent's own confirmation."""

    renewed = b""

    def __init__(self, identity: AgentIdentity, by: str) -> None:
        """Take the agent's key, and the manager in whose name it signs."""
        self._identity, self._by = identity, by

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return take_string(take_string(self._identity.blob)[1])[0]

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw public key, or of the whole public key of a security key."""
        return hashlib.sha256(self._identity.blob if self._identity.needs_touch else self.public).hexdigest()

    def is_held(self) -> bool:
        """Return whether the agent still has the key."""
        return self._identity in list_identities()

    def sign(self, message: bytes) -> bytes:
        """Have the agent sign a statement, and log what it says.

        Raises:
            Refused: `no_statement`, `another_person`, or `not_confirmed` where the agent or the person refuses.
        """
        try:
            shown = read_statement(message)
        except NotSignedError as error:
            raise Refused(error.detail, reason=error.reason, fix="sign a statement of Phasegate's") from error
        if shown.by not in ("", self._by):
            raise Refused(f"'{shown.by}' says this, not '{self._by}'", reason="another_person", fix="--manager NAME")
        request = bytes([_SIGN]) + put_string(self._identity.blob) + put_string(message) + bytes(4)
        try:
            signature = _signature(take_string(_ask(request, _SIGNATURE))[0])
        except (OSError, ValueError) as error:
            fix = "touch the key or confirm when you are asked; 'ssh-add -l' shows what the agent has"
            raise Refused("the SSH agent did not sign", reason="not_confirmed", fix=fix) from error
        log_signed(shown)
        return signature

    def close(self) -> None:
        """Leave the key where it is: it is the agent's."""


def _identities(answer: bytes) -> Iterator[AgentIdentity]:
    rest = answer[4:]
    for _ in range(int.from_bytes(answer[:4], "big")):
        blob, rest = take_string(rest)
        comment, rest = take_string(rest)
        if take_string(blob)[0] in (_PLAIN, SECURITY_KEY.encode()):
            yield AgentIdentity(blob=blob, comment=comment.decode("utf-8", "replace"))


def _signature(answer: bytes) -> bytes:
    kind, rest = take_string(answer)
    signature, rest = take_string(rest)
    expected = {_PLAIN: 0, SECURITY_KEY.encode(): 5}  # flags and counter
    if expected.get(kind) != len(rest) or len(signature) != 64:
        raise ValueError("this is no signature of an Ed25519 key")
    return signature + rest


def _ask(request: bytes, expected: int) -> bytes:
    """Return the content of the agent's answer.

    Raises:
        OSError: There is no agent, or it refuses.
    """
    with closing(socket.socket(socket.AF_UNIX)) as agent:
        agent.settimeout(_TOUCH_SECONDS)
        agent.connect(os.environ.get(ADDRESS, ""))
        agent.sendall(put_string(request))
        size = int.from_bytes(_exactly(agent, 4), "big")
        answer = _exactly(agent, size) if 0 < size <= _MOST else b""
    if answer[:1] != bytes([expected]):
        raise OSError("the agent refuses")
    return answer[1:]


def _exactly(agent: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = agent.recv(size - len(content))
        if not part:
            raise ConnectionError("the agent hung up")
        content += part
    return content
