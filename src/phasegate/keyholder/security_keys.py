"""Ed25519 keys of a FIDO2 device, as OpenSSH has them: the device signs after a touch, and the signature says so.

The device does not sign the message but SHA-256 of the application, its flags, its counter and SHA-256 of the message
(OpenSSH's PROTOCOL.u2f). A signature here is the 64 bytes of Ed25519, then flags and counter.
"""

import base64
import hashlib

SECURITY_KEY = "sk-ssh-ed25519@openssh.com"
SIGNED_BYTES = 64 + 1 + 4
"""Length of a signature: Ed25519's, flags, counter."""
_TOUCHED = 0x01
_RAW_BYTES = 32


def take_string(content: bytes) -> tuple[bytes, bytes]:
    """Return the first string of SSH's wire form, and what follows it.

    Raises:
        ValueError: It is cut off.
    """
    size = int.from_bytes(content[:4], "big")
    if len(content) < 4 + size:
        raise ValueError("the string is cut off")
    return content[4 : 4 + size], content[4 + size :]


def put_string(content: bytes) -> bytes:
    """Return a string in SSH's wire form."""
    return len(content).to_bytes(4, "big") + content


def public_blob(raw: bytes, application: str) -> bytes:
    """Return a device's public key in SSH's wire form."""
    return b"".join(map(put_string, (SECURITY_KEY.encode(), raw, application.encode())))


def read_blob(blob: bytes) -> tuple[bytes, str]:
    """Return the 32 raw bytes and the application of a device's public key.

    Raises:
        ValueError: It is none.
    """
    kind, rest = take_string(blob)
    raw, rest = take_string(rest)
    application, rest = take_string(rest)
    if kind != SECURITY_KEY.encode() or len(raw) != _RAW_BYTES or rest or not application.startswith(b"ssh:"):
        raise ValueError("this is no Ed25519 key of a security key")
    return raw, application.decode()


def read_line(text: str) -> tuple[bytes, str]:
    """Return the 32 raw bytes and the application of a key as a line of OpenSSH's, without a comment.

    Raises:
        ValueError: It is none, or is not written as it would be here.
    """
    raw, application = read_blob(base64.b64decode(text.removeprefix(f"{SECURITY_KEY} "), validate=True))
    if text != line_of(raw, application):
        raise ValueError("this is no line of a public key")
    return raw, application


def line_of(raw: bytes, application: str) -> str:
    """Return a device's public key as a line of OpenSSH's."""
    return f"{SECURITY_KEY} {base64.b64encode(public_blob(raw, application)).decode()}"


def signed_by_device(application: str, message: bytes, signature: bytes) -> bytes:
    """Return the bytes that a device signed with the first 64 bytes of a signature.

    Raises:
        ValueError: The signature has another length, or the device was not touched.
    """
    if len(signature) != SIGNED_BYTES or not signature[64] & _TOUCHED:
        raise ValueError("the security key was not touched")
    of, what = (hashlib.sha256(part).digest() for part in (application.encode(), message))
    return of + signature[64:] + what
