import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.core import InvalidInput, Missing, Refused
from phasegate.ledger import PrivateKey, PublicKey, create_key, unlock_key
from phasegate.ledger.signing.keys import RememberingSigner

PASSPHRASE = "correct horse"


def test_a_key_opens_with_its_passphrase_and_signs_what_its_public_half_verifies(tmp_path: Path) -> None:
    made = create_key(tmp_path / "keys" / "ada.key", PASSPHRASE)
    opened = unlock_key(tmp_path / "keys" / "ada.key", PASSPHRASE)
    signature = opened.sign(b"approve")
    assert opened.key_id == made.key_id
    assert made.public.verifies(b"approve", signature)
    assert not made.public.verifies(b"reject", signature)
    assert not made.public.verifies(b"approve", signature[::-1])


def test_its_file_is_for_its_owner_alone_and_holds_no_key_in_the_clear(tmp_path: Path) -> None:
    create_key(tmp_path / "keys" / "ada.key", PASSPHRASE)
    file = tmp_path / "keys" / "ada.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"ENCRYPTED PRIVATE KEY" in file.read_bytes()


def _written_by_an_earlier_version(path: Path) -> tuple[PublicKey, bytes]:
    key = Ed25519PrivateKey.generate()
    encryption = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    path.write_bytes(pem)
    return PrivateKey(key).public, pem


def test_file_that_is_quick_to_guess_is_encrypted_anew_at_the_next_unlock(tmp_path: Path) -> None:
    file = tmp_path / "ada.key"
    public, pem = _written_by_an_earlier_version(file)
    with pytest.raises(Refused):
        unlock_key(file, "wrong horse")
    assert file.read_bytes() == pem
    assert unlock_key(file, PASSPHRASE).public == public
    renewed = file.read_bytes()
    assert renewed != pem
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert unlock_key(file, PASSPHRASE).public == public
    assert file.read_bytes() == renewed


@pytest.mark.parametrize("passphrase", ["wrong horse", "", None, "correct horse "])
def test_another_passphrase_does_not_open_it(tmp_path: Path, passphrase: str | None) -> None:
    create_key(tmp_path / "ada.key", PASSPHRASE)
    with pytest.raises(Refused) as refused:
        unlock_key(tmp_path / "ada.key", passphrase)
    assert refused.value.reason == "wrong_passphrase"
    assert PASSPHRASE not in str(refused.value)


@pytest.mark.parametrize("passphrase", ["", "1234567"])
def test_a_passphrase_that_is_too_short_makes_no_key(tmp_path: Path, passphrase: str) -> None:
    with pytest.raises(InvalidInput, match="too short") as refused:
        create_key(tmp_path / "ada.key", passphrase)
    assert "at least 8" in refused.value.fix
    assert not (tmp_path / "ada.key").exists()


def test_a_key_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    made = create_key(tmp_path / "ada.key", PASSPHRASE)
    with pytest.raises(InvalidInput, match="there is a key already"):
        create_key(tmp_path / "ada.key", PASSPHRASE)
    assert unlock_key(tmp_path / "ada.key", PASSPHRASE).key_id == made.key_id


def test_the_systems_key_needs_none(tmp_path: Path) -> None:
    made = create_key(tmp_path / "system.key", None)
    assert unlock_key(tmp_path / "system.key", None).key_id == made.key_id
    assert stat.S_IMODE((tmp_path / "system.key").stat().st_mode) == 0o600


def test_a_key_that_is_missing_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Missing) as missing:
        unlock_key(tmp_path / "ada.key", PASSPHRASE)
    assert "phasegate manager init" in missing.value.fix


def test_a_key_of_another_kind_is_not_taken(tmp_path: Path) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "ada.key").write_bytes(pem)
    with pytest.raises(InvalidInput, match="another kind"):
        unlock_key(tmp_path / "ada.key", None)


def test_a_public_key_is_read_back_as_it_is_written(tmp_path: Path) -> None:
    public = create_key(tmp_path / "ada.key", PASSPHRASE).public
    assert PublicKey.parse(str(public)) == public
    assert len(public.key_id) == 64


@pytest.mark.parametrize("text", ["", "no key", "AAAA", "ä" * 44, "A" * 45])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not an Ed25519 public key"):
        PublicKey.parse(text)


class _OtherKey(PrivateKey):
    """A key whose public half is another's, which verifies nothing that it signs."""

    @property
    def public(self) -> PublicKey:
        return PrivateKey.generate().public


def test_a_signer_knows_its_own_newest_signatures_and_verifies_all_others() -> None:
    key = PrivateKey.generate()
    signer, other = RememberingSigner(key), RememberingSigner(key)
    signature = signer.sign(b"approve")
    assert signer.verifies(b"approve", signature)
    assert other.verifies(b"approve", signature)
    for message, wrong in (
        (b"reject", signature),
        (b"approve", signature[::-1]),
        (signature[32:] + b"approve", signature[:32]),
    ):
        assert not signer.verifies(message, wrong)


def test_a_signer_forgets_what_it_signed_long_ago() -> None:
    signer = RememberingSigner(_OtherKey(Ed25519PrivateKey.generate()), most=2)
    signatures = {message: signer.sign(message) for message in (b"1", b"2", b"3")}
    assert [signer.verifies(*signed) for signed in signatures.items()] == [False, True, True]
