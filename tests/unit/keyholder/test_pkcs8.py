import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from phasegate.keyholder import is_weak, seal_pem

KEY = Ed25519PrivateKey.generate()


@pytest.mark.parametrize("cost", [2, 2**7, 2**8, 2**15])
@pytest.mark.parametrize("passphrase", ["correct horse", "länger als eine Zeile " * 40, "0"])
def test_library_reads_what_is_written(cost: int, passphrase: str) -> None:
    pem = seal_pem(KEY, passphrase.encode(), cost)
    assert load_pem_private_key(pem, passphrase.encode()).public_key() == KEY.public_key()
    with pytest.raises(ValueError):  # noqa: PT011 - which one depends on what the wrong key makes of the padding
        load_pem_private_key(pem, b"wrong horse")


def test_file_is_another_each_time() -> None:
    assert seal_pem(KEY, b"correct horse", 2) != seal_pem(KEY, b"correct horse", 2)


def test_guess_fills_memory_and_takes_much_longer_than_before() -> None:
    weak = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"correct horse"))
    strong = seal_pem(KEY, b"correct horse")
    assert _seconds(strong) > 20 * _seconds(weak)


def _seconds(pem: bytes) -> float:
    began = time.process_time()
    with pytest.raises(ValueError):  # noqa: PT011 - which one depends on what the wrong key makes of the padding
        load_pem_private_key(pem, b"a guess")
    return time.process_time() - began


def test_weak_is_what_an_earlier_version_wrote() -> None:
    assert is_weak(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"correct horse")))
    assert not is_weak(seal_pem(KEY, b"correct horse", 2))
    assert not is_weak(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert not is_weak(b"")
