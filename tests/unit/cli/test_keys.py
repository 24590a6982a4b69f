"""Whose key signs, and where its passphrase comes from."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from phasegate.app import Config
from phasegate.cli.keys import home_of_keys, keyring, make_or_unlock
from phasegate.core import Missing, Refused, UsageError
from phasegate.ledger import EVENT, PublicKey, create_key, pae, write_key
from services.ssh_agent import Device, agent_of
from unit.cli.repository import refused, said

PASSPHRASE = "correct horse"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\nnot this line\n")
    return tmp_path


def config(*names: str) -> Config:
    rows = [{"name": name, "public_key": f"key of {name}"} for name in names]
    return Config.model_validate({"project": {"name": "acme", "package": "acme"}, "managers": rows})


def test_the_manager_whose_key_is_here_decides(home: Path) -> None:
    made = create_key(home_of_keys() / "ada.key", PASSPHRASE)
    ring = keyring(home, config("ada", "bo"), None, home / "passphrase")
    assert ring.manager == "ada"
    assert ring.unlock().key_id == made.key_id


def test_a_demonstration_keeps_its_key_to_itself(home: Path) -> None:
    create_key(home / "keys" / "ada.key", PASSPHRASE)
    assert keyring(home, config("ada"), None, None).path.is_relative_to(home / "keys")


def test_two_who_could_must_be_told_apart(home: Path) -> None:
    with pytest.raises(UsageError, match="ada, bo"):
        keyring(home, config("ada", "bo"), None, None)
    assert keyring(home, config("ada", "bo"), "bo", None).manager == "bo"


def test_a_repository_without_a_manager_says_how_to_make_one(home: Path) -> None:
    with pytest.raises(Missing) as error:
        keyring(home, config(), None, None)
    assert "phasegate manager init" in error.value.fix


def test_without_a_terminal_nobody_is_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_key(home_of_keys() / "ada.key", PASSPHRASE)
    # what an agent with a shell might try
    for name in ("PASSPHRASE", "PHASEGATE_PASSPHRASE"):
        monkeypatch.setenv(name, PASSPHRASE)
    with pytest.raises(Missing, match="no terminal"):
        keyring(home, config("ada"), None, None).unlock()


def test_a_wrong_passphrase_opens_nothing(home: Path) -> None:
    create_key(home_of_keys() / "ada.key", PASSPHRASE)
    (home / "passphrase").write_text("something else\n")
    with pytest.raises(Refused) as error:
        keyring(home, config("ada"), None, home / "passphrase").unlock()
    assert error.value.reason == "wrong_passphrase"


def test_a_key_is_made_once_and_used_afterwards(home: Path) -> None:
    path = home_of_keys() / "ada.key"
    made = make_or_unlock(path, home / "passphrase")
    assert make_or_unlock(path, home / "passphrase").key_id == made.key_id
    assert path.stat().st_mode & 0o077 == 0


def test_key_signs_one_statement_of_its_manager_and_is_forgotten(home: Path) -> None:
    made = create_key(home_of_keys() / "ada.key", PASSPHRASE)
    ring = keyring(home, config("ada"), None, home / "passphrase")
    key, statement = ring.unlock(), pae(EVENT, b'{"by":"ada"}')
    assert made.public.verifies(statement, key.sign(statement))
    with pytest.raises(Refused, match="forgotten"):
        key.sign(statement)
    with pytest.raises(Refused) as refused:
        ring.unlock().sign(pae(EVENT, b'{"by":"bo"}'))
    assert refused.value.reason == "another_person"


def test_key_that_is_quick_to_guess_is_written_anew_and_is_its_owners_alone(home: Path) -> None:
    key = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(PASSPHRASE.encode())
    weak = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    path = home_of_keys() / "ada.key"
    write_key(path, weak)
    ring = keyring(home, config("ada"), None, home / "passphrase")
    assert ring.unlock().public == key.public_key().public_bytes_raw()
    assert path.read_bytes() != weak
    assert path.stat().st_mode & 0o077 == 0
    assert ring.unlock().public == key.public_key().public_bytes_raw()


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    made = Device()
    with TemporaryDirectory(prefix="agent-") as folder:  # the path of a socket may have 107 bytes
        monkeypatch.setenv("SSH_AUTH_SOCK", f"{folder}/agent")
        with agent_of(made, Path(folder) / "agent"):
            yield made


def test_manager_whose_key_an_agent_holds_decides_without_a_passphrase(home: Path, device: Device) -> None:
    rows = [{"name": "ada", "public_key": device.line}, {"name": "bo", "public_key": "key of bo"}]
    listed = Config.model_validate({"project": {"name": "acme", "package": "acme"}, "managers": rows})
    ring = keyring(home, listed, None, None)
    assert ring.manager == "ada"
    statement = pae(EVENT, b'{"by":"ada"}')
    assert PublicKey.parse(device.line).verifies(statement, ring.unlock().sign(statement))
    with pytest.raises(Missing, match="not on this machine"):
        keyring(home, listed, "bo", None).unlock()


def test_two_managers_with_security_keys_are_two(device: Device) -> None:
    rows = [{"name": "ada", "public_key": device.line}, {"name": "bo", "public_key": Device().line}]
    project = {"name": "acme", "package": "acme"}
    assert len(Config.model_validate({"project": project, "managers": rows}).people()) == 2
    with pytest.raises(ValueError, match="have the same key"):
        Config.model_validate({"project": project, "managers": [rows[0], {**rows[0], "name": "bo"}]})


def test_key_of_an_agent_is_listed_in_the_repository(
    home: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    said("init", "acme")
    monkeypatch.chdir(home / "acme")
    shown = said("manager", "init", "--name", "ada", "--ssh-agent", "device")
    assert "the SSH agent, SHA256:" in shown
    assert "ssh-add -c" not in shown
    assert f'public_key = "{device.line}"' in Path("phasegate.toml").read_text()
    assert not (home_of_keys() / "ada.key").exists()
    error = refused("manager", "init", "--name", "bo", "--ssh-agent", "nothing of that name")
    assert "'device' (SHA256:" in str(error)
