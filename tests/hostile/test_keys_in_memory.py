"""An agent with a shell in the manager's account, beside a server with an unlocked key: it gets none of the key.

Server and attacker run as one user without privileges: root reads every process, and is no part of the promise.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from phasegate.ledger import create_key
from phasegate.reports import open_desk
from services import serve
from services.slack import TOKEN, SlackService, User
from services.slack_clicks import SECRET
from unit.authors.sample_spec import sample_repository, sign_again
from unit.web.fixtures import list_in_slack

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's ways")]

PASSPHRASE = "correct horse battery"
NOBODY = 65534
_CAPABILITIES = "-all,+dac_read_search"
"""The user reads this machine's Python, which may lie in root's home, and has no power over processes."""
_READER = Path(__file__).with_name("memory_reader.py")
_HOLDS_IT_ITSELF = """
import sys, time
from pathlib import Path
from phasegate.keyholder import Mandate, hold_here
key = hold_here(Path(sys.argv[1]).read_bytes(), sys.argv[2], Mandate(by="ada", seconds=600, only_decisions=True))
print("ready", flush=True)
time.sleep(600)
"""


def as_user(command: Sequence[str]) -> list[str]:
    """The command of a user without privileges, also where the tests run as root."""
    if os.getuid():
        return list(command)
    if shutil.which("setpriv") is None:
        pytest.skip("the tests run as root, and there is no setpriv to be anybody else")
    sets = (f"--{name}={_CAPABILITIES}" for name in ("inh-caps", "ambient-caps", "bounding-set"))
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *sets, *command]


def give(folder: Path) -> None:
    """Make a folder that user's."""
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(folder)], check=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user can be in; above those of pytest nobody but root gets."""
    with TemporaryDirectory(prefix="phasegate-keys-") as made:
        yield Path(made)


def family(pid: int) -> list[int]:
    """A process and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    threads = {
        child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    }
    return [pid, *(each for child in {*below, *threads} for each in family(int(child)))]


def read_memory(public: str, pids: Sequence[int]) -> dict[str, set[str]]:
    """What an attacker gets at, by attempt."""
    command = as_user([sys.executable, str(_READER), public, *map(str, pids)])
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    outcomes: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        _, attempt, outcome = line.split()
        outcomes.setdefault(attempt, set()).add(outcome)
    return outcomes


@contextmanager
def served(folder: Path) -> Iterator[tuple[int, str, str]]:
    """`phasegate serve` with a Slack in which ada is U0ADA; gives its process, its address and ada's public key."""
    key = create_key(folder / "ada.key", PASSPHRASE)
    (folder / "passphrase").write_text(PASSPHRASE)
    target = sample_repository(folder / "target", managers={"ada": key})
    list_in_slack(target, {"ada": "U0ADA"})
    sign_again(target, "ada", key)
    fingerprint = open_desk(target).trust.chain.fingerprint
    give(folder)
    command = [sys.executable, "-m", "phasegate.cli"]
    home = os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "TMPDIR": "/tmp"}
    add = ["account", "add", "ada", "--key", str(folder / "ada.key"), "--passphrase-file", str(folder / "passphrase")]
    for words in (["trust", "pin", fingerprint], add):
        subprocess.run(as_user([*command, *words]), cwd=target, check=True, env=home)
    slack = SlackService()
    slack.users["U0ADA"] = User(id="U0ADA", name="ada lovelace")
    with serve(slack) as address:
        home |= {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SECRET, "SLACK_API_URL": f"{address}/api/"}
        serving = as_user([*command, "serve", "--port", "0", "--no-worker"])
        with subprocess.Popen(serving, cwd=target, env=home, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found
            try:
                yield server.pid, found[0], str(key.public)
            finally:
                server.terminate()
                server.wait(30)


def test_key_left_unlocked_is_in_no_memory_that_an_agent_reads(folder: Path) -> None:
    with served(folder) as (server, address, public), httpx.Client(base_url=address, timeout=60) as ada:
        ada.headers["origin"] = address
        signed_in = ada.post("/sign-in", data={"name": "ada", "passphrase": PASSPHRASE})
        assert signed_in.status_code == 303, signed_in.text
        page = ada.get("/slack").text
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)"', page))
        unlocked = ada.post("/slack", data={**fields, "hours": "8", "passphrase": PASSPHRASE})
        assert unlocked.status_code == 303, unlocked.text
        assert "Unlocked until" in ada.get("/slack").text
        pids = family(server)
        assert len(pids) == 3, "the server, and the two processes of the key"
        outcomes = read_memory(public, pids)
        assert len(outcomes) == 7
        assert {attempt: got for attempt, got in outcomes.items() if got != {"closed"}} == {}
        assert "Unlocked until" in ada.get("/slack").text, "the attempts did not end the key"
        ended = ada.post("/slack/end", data={"form_token": fields["form_token"]})
        assert ended.status_code == 303
        assert family(server) == [server]


def test_reader_finds_a_key_that_a_process_holds_itself(folder: Path) -> None:
    """Without this, the test above could pass because its attacker is none."""
    key = create_key(folder / "ada.key", PASSPHRASE, 2)
    give(folder)
    command = as_user([sys.executable, "-c", _HOLDS_IT_ITSELF, str(folder / "ada.key"), PASSPHRASE])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        outcomes = read_memory(str(key.public), [holder.pid])
        holder.kill()
    assert base64.b64decode(str(key.public))
    assert outcomes["memory"] == {"found"}
    assert outcomes["attach"] == outcomes["environment"] == {"open"}
