"""Keys in processes of their own, as they are at work."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from phasegate.core import InvalidInput, Refused
from phasegate.keyholder import Mandate, ProcessKey, hold_key, is_weak, seal_pem
from unit.keyholder.statements import KEY, PASSPHRASE, PEM, said, verifies

ONE = Mandate(by="ada", seconds=60)
LASTING = Mandate(by="ada", seconds=60, only_decisions=True)
GRANT = "https://phasegate.dev/tool-grant/v1"
_PARENT = """
import sys, time
from pathlib import Path
from phasegate.keyholder import Mandate, hold_key
key = hold_key(Path(sys.argv[1]).read_bytes(), sys.argv[2], Mandate(by="ada", seconds=60, only_decisions=True))
print(key.pid, flush=True)
time.sleep(60)
"""


@contextmanager
def held(mandate: Mandate, pem: bytes = PEM, passphrase: str = PASSPHRASE) -> Iterator[ProcessKey]:
    key = hold_key(pem, passphrase, mandate)
    try:
        yield key
    finally:
        key.close()


def refusal(key: ProcessKey, message: bytes) -> str:
    with pytest.raises(Refused) as refused:
        key.sign(message)
    return refused.value.reason


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def family(pid: int) -> list[int]:
    """A process and its children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, listed)]


def wait_until_gone(pids: list[int], within: float = 20) -> bool:
    ends = time.monotonic() + within
    while any(map(is_alive, pids)) and time.monotonic() < ends:
        time.sleep(0.05)
    return not any(map(is_alive, pids))


def test_statement_is_signed_once_and_the_process_ends(caplog: pytest.LogCaptureFixture) -> None:
    with held(ONE) as key, caplog.at_level(logging.INFO, logger="phasegate.keyholder"):
        pids = family(key.pid)
        assert len(pids) == 2
        assert key.public == KEY.public_key().public_bytes_raw()
        verifies(said(), key.sign(said()))
        assert wait_until_gone(pids)
        assert not key.is_held()
        assert refusal(key, said()) == "forgotten"
    assert "decision=approve" in caplog.text
    assert "r1/specify/1" in caplog.text


def test_refusal_ends_a_key_that_is_for_one_statement() -> None:
    with held(ONE) as key:
        assert refusal(key, said(by="bo")) == "another_person"
        assert refusal(key, said()) == "forgotten"


def test_key_that_is_left_unlocked_signs_decisions_and_nothing_else() -> None:
    with held(LASTING) as key:
        verifies(said(), key.sign(said()))
        assert refusal(key, said(GRANT)) == "another_kind"
        assert refusal(key, b"no statement") == "no_statement"
        verifies(said(), key.sign(said()))
        assert key.is_held()


def test_time_of_the_process_ends_it_while_nobody_asks() -> None:
    with held(Mandate(by="ada", seconds=1.5, only_decisions=True)) as key:
        pids = family(key.pid)
        assert all(map(is_alive, pids))
        assert wait_until_gone(pids)
        assert refusal(key, said()) == "forgotten"


@pytest.mark.parametrize("passphrase", ["wrong horse", ""])
def test_wrong_passphrase_is_told(passphrase: str) -> None:
    with pytest.raises(Refused) as refused:
        hold_key(PEM, passphrase, ONE)
    assert refused.value.reason == "wrong_passphrase"


def test_key_of_another_kind_is_told() -> None:
    script = ["openssl", "genpkey", "-algorithm", "ed448", "-aes256", "-pass", f"pass:{PASSPHRASE}"]
    pem = subprocess.run(script, capture_output=True, check=True).stdout
    with pytest.raises(InvalidInput, match="another kind"):
        hold_key(pem, PASSPHRASE, ONE)


def test_file_that_is_quick_to_guess_comes_back_encrypted_anew() -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    weak = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
    with held(ONE, weak) as key:
        assert not is_weak(key.renewed)
    with held(ONE, key.renewed) as again:
        assert again.public == key.public
        assert not again.renewed
    with held(ONE, seal_pem(KEY, PASSPHRASE.encode(), 2)) as strong:
        assert not strong.renewed


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_key_dies_with_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "key").write_bytes(PEM)
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "key"), PASSPHRASE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pids = family(int(parent.stdout.readline()))
        assert all(map(is_alive, pids))
        parent.send_signal(how)
    assert wait_until_gone(pids)


def test_process_that_was_killed_signs_nothing_and_says_so() -> None:
    with held(LASTING) as key:
        os.kill(key.pid, signal.SIGKILL)
        assert wait_until_gone([key.pid])
        assert refusal(key, said()) == "forgotten"
        assert not key.is_held()


def test_process_has_no_environment_and_no_file_but_its_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_SERVER", "x")
    with (tmp_path / "open").open("w") as file, held(LASTING) as key:
        os.set_inheritable(file.fileno(), True)
        for pid in family(key.pid):
            assert Path(f"/proc/{pid}/environ").read_bytes() == b""
            names = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
            assert {name for name in names if not name.startswith("socket:")} <= {"/dev/null"}


def test_no_core_file_can_come_of_it() -> None:
    with held(LASTING) as key:
        for pid in family(key.pid):
            (line,) = [row for row in Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in row]
            assert line.split()[4:6] == ["0", "0"]
