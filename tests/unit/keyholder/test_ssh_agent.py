"""Keys in an SSH agent: OpenSSH's own agent, and a double of one with a security key."""

import hashlib
import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import pytest
from cryptography.exceptions import InvalidSignature

from phasegate.core import InvalidInput, Missing, Refused
from phasegate.keyholder import AgentKey, find_identity, line_of, list_identities
from phasegate.ledger import PublicKey
from phasegate.runbooks.runtime import approvals
from phasegate.runbooks.runtime import errors as runtime_errors
from services.ssh_agent import Device, agent_of
from unit.keyholder.statements import said

VERIFIER = Path(__file__).parents[3] / "docs" / "verify_bundle.py"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: that of a socket may have 107 bytes."""
    with TemporaryDirectory(prefix="agent-") as made:
        yield Path(made)


@pytest.fixture
def openssh(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """OpenSSH's agent with ada's key, and one of a kind that is not taken."""
    if not all(map(shutil.which, ("ssh-agent", "ssh-add", "ssh-keygen"))):
        pytest.skip("OpenSSH's client is not installed")
    address = folder / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(address)], stdout=subprocess.DEVNULL) as agent:
        try:
            while not address.exists():
                assert agent.poll() is None
            monkeypatch.setenv("SSH_AUTH_SOCK", str(address))
            for kind, name in (("ed25519", "ada"), ("ecdsa", "other")):
                file = folder / name
                make = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(file)]
                subprocess.run(make, check=True)
                subprocess.run(["ssh-add", "-q", str(file)], check=True)
            yield folder
        finally:
            agent.terminate()


@pytest.fixture
def device(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    made = Device()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(folder / "agent"))
    with agent_of(made, folder / "agent"):
        yield made


def verifier() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_bundle", VERIFIER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_openssh_s_agent_signs_what_the_key_in_the_file_would(openssh: Path) -> None:
    (identity,) = list_identities()
    listed = subprocess.run(["ssh-add", "-l"], capture_output=True, text=True, check=True).stdout
    assert f"{identity.fingerprint} ada (ED25519)" in listed
    key, public = AgentKey(identity, "ada"), PublicKey.parse(identity.text)
    assert public.verifies(said(), key.sign(said()))
    assert not public.verifies(said(decision="reject"), key.sign(said()))
    assert key.key_id == public.key_id
    assert not identity.needs_touch
    assert find_identity("ada") == find_identity(identity.fingerprint) == find_identity(identity.text) == identity
    assert key.is_held()
    subprocess.run(["ssh-add", "-q", "-D"], check=True)
    assert not key.is_held()
    with pytest.raises(Refused) as refused:
        key.sign(said())
    assert refused.value.reason == "not_confirmed"


def test_agent_s_key_signs_statements_of_its_manager_alone(openssh: Path) -> None:
    key = AgentKey(find_identity("ada"), "ada")
    for message, reason in ((b"no statement", "no_statement"), (said(by="bo"), "another_person")):
        with pytest.raises(Refused) as refused:
            key.sign(message)
        assert refused.value.reason == reason


@pytest.mark.parametrize("wanted", ["other", "bo", ""])
def test_key_that_the_agent_has_not_is_told_with_those_that_it_has(openssh: Path, wanted: str) -> None:
    with pytest.raises(Missing, match="'ada' \\(SHA256:"):
        find_identity(wanted)


def test_without_an_agent_there_is_no_key(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for address in ("", str(folder / "none")):
        monkeypatch.setenv("SSH_AUTH_SOCK", address)
        assert list_identities() == []


def test_security_key_signs_after_a_touch_and_everybody_verifies_it(device: Device) -> None:
    identity = find_identity("device")
    key, public = AgentKey(identity, "ada"), PublicKey.parse(identity.text)
    assert (str(public), identity.needs_touch, key.key_id) == (device.line, True, public.key_id)
    signature = key.sign(said())
    assert public.verifies(said(), signature)
    named, second = verifier().public(device.line)
    assert hashlib.sha256(named).hexdigest() == key.key_id
    second.verify(signature, said())
    for wrong, message in (
        (signature, said(decision="reject")),
        (signature[:64], said()),
        (signature[:65] + bytes(4), said()),
        (signature[:64] + b"\x00" + signature[65:], said()),
        (signature + b"\x00", said()),
    ):
        assert not public.verifies(message, wrong)
        with pytest.raises(InvalidSignature):
            second.verify(wrong, message)


def test_security_key_that_was_not_touched_signs_nothing_that_counts(device: Device) -> None:
    device.touched = False
    key, public = AgentKey(find_identity("device"), "ada"), PublicKey.parse(device.line)
    signature = key.sign(said())
    assert signature[64] == 0
    assert not public.verifies(said(), signature)
    with pytest.raises(InvalidSignature):
        verifier().public(device.line)[1].verify(signature, said())


def test_person_who_does_not_touch_it_is_told(device: Device) -> None:
    device.refuses = True
    with pytest.raises(Refused, match="did not sign") as refused:
        AgentKey(find_identity("device"), "ada").sign(said())
    assert "touch the key" in refused.value.fix


def test_security_key_of_another_application_is_another_key(device: Device) -> None:
    other = line_of(device.key.public_key().public_bytes_raw(), "ssh:other")
    signature = AgentKey(find_identity("device"), "ada").sign(said())
    assert PublicKey.parse(other).key_id != PublicKey.parse(device.line).key_id
    assert not PublicKey.parse(other).verifies(said(), signature)


def test_line_of_a_key_is_read_in_one_way(device: Device) -> None:
    line = device.line
    web = line_of(device.key.public_key().public_bytes_raw(), "https://example.org")
    for text in (f"{line} comment", line[:-4], line.replace("sk-ssh", "sk-ssj"), f"{line[:27]} {line[27:]}", web):
        with pytest.raises(InvalidInput, match="not an Ed25519 public key"):
            PublicKey.parse(text)


def test_released_runbook_takes_an_approval_of_a_security_key(device: Device, folder: Path) -> None:
    """The shipped verification, on its own: another touch, another key and no touch are refused."""
    listed = folder / "approvers.json"
    listed.write_text(f'{{"approvers": [{{"name": "ada", "public_key": "{device.line}"}}]}}')
    now = datetime(2026, 11, 18, tzinfo=UTC)
    statement = {
        "id": "0123456789",
        "runbook": "r",
        "digest": "d",
        "approver": "ada",
        "expires": (now + timedelta(hours=1)).isoformat(),
    }
    key = AgentKey(find_identity("device"), "ada")
    document = approvals.envelope(statement, key.sign)
    assert approvals.verified(document, listed, now).approver == "ada"
    device.touched = False
    with pytest.raises(runtime_errors.Refused, match="does not hold"):
        approvals.verified(approvals.envelope(statement, key.sign), listed, now)
    listed.write_text(f'{{"approvers": [{{"name": "ada", "public_key": "{Device().line}"}}]}}')
    with pytest.raises(runtime_errors.Refused, match="does not hold"):
        approvals.verified(document, listed, now)
