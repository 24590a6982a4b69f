"""Files of private keys: PKCS #8 under scrypt (RFC 7914), which `cryptography` reads and has no way to write.

Its own writer derives the encryption key by 2,048 rounds of PBKDF2, about a millisecond for a guess. scrypt with these
parameters fills 64 MiB for each guess, as the Argon2id does that passphrases of accounts are held against.
"""

import base64
import secrets
import textwrap

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

COST = 2**16
"""scrypt's N; with a block size of 8 it fills 64 MiB."""
_BLOCK, _LANES = 8, 1
_SEQUENCE, _OCTETS, _INTEGER = 0x30, 0x04, 0x02
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_LABEL = "ENCRYPTED PRIVATE KEY"


def seal_pem(key: Ed25519PrivateKey, passphrase: bytes, cost: int = COST) -> bytes:
    """Return the PEM of a key, encrypted under a passphrase.

    Args:
        key: What is encrypted.
        passphrase: Opens it.
        cost: scrypt's N, a power of two.
    """
    salt, vector = secrets.token_bytes(16), secrets.token_bytes(16)
    derived = Scrypt(salt, 32, cost, _BLOCK, _LANES).derive(passphrase)
    padder = padding.PKCS7(128).padder()
    plain = padder.update(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())) + padder.finalize()
    cipher = Cipher(algorithms.AES256(derived), modes.CBC(vector)).encryptor()
    costs = _der(_SEQUENCE, _der(_OCTETS, salt), _integer(cost), _integer(_BLOCK), _integer(_LANES))
    scheme = _der(_SEQUENCE, _der(_SEQUENCE, _SCRYPT, costs), _der(_SEQUENCE, _AES_256_CBC, _der(_OCTETS, vector)))
    algorithm = _der(_SEQUENCE, _PBES2, scheme)
    return _pem(_der(_SEQUENCE, algorithm, _der(_OCTETS, cipher.update(plain) + cipher.finalize())))


def is_weak(pem: bytes) -> bool:
    """Return whether a key is encrypted by something that is quicker to guess than scrypt."""
    lines = pem.decode("ascii", "replace").strip().splitlines()
    if not lines or _LABEL not in lines[0]:
        return False
    return _SCRYPT not in base64.b64decode("".join(lines[1:-1]))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    return bytes([tag, size] if size < 0x80 else [tag, 0x81, size]) + content


def _integer(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _pem(der: bytes) -> bytes:
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join([f"-----BEGIN {_LABEL}-----", *lines, f"-----END {_LABEL}-----", ""]).encode()
