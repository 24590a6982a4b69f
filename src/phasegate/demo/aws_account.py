"""The demonstration's AWS account: a moto server on loopback, in a process of its own, seeded the same way every time.

Run as a script it is that process, so that it need not import the rest of the application: it prints its address when
it is ready, and ends when its standard input does, so that it never outlives who started it.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

from phasegate.core import Exhausted, PhasegateError

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend

HOST = "127.0.0.1"
ACCOUNT = "123456789012"
REGION = "us-east-1"
NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
"""The time that the account is judged by; ages count back from it."""
PORT_TAKEN = 98


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A volume, and whether the runbook has to find it."""

    name: str
    size: int
    """GiB."""
    days: float
    """Its age."""
    found: bool
    kind: str = "gp3"
    region: str = REGION
    attached: bool = False
    tags: dict[str, str] = field(default_factory=dict)


SEEDS = (
    Seed(name="old-build-cache", size=500, days=212, found=True),
    Seed(name="forgotten-database", size=1200, days=94, kind="io2", found=True),
    Seed(name="migration-left-over", size=250, days=400, kind="gp2", found=True),
    Seed(name="archive-of-logs", size=2000, days=61, kind="st1", found=True),
    Seed(name="an-hour-too-old", size=100, days=30 + 1 / 24, found=True),
    Seed(name="an-hour-too-young", size=100, days=30 - 1 / 24, found=False),
    Seed(name="keep-says-its-tag", size=80, days=365, tags={"keep": "until the audit"}, found=False),
    Seed(name="keep-without-value", size=80, days=365, tags={"keep": ""}, found=False),
    Seed(name="keep-in-capitals", size=40, days=365, tags={"Keep": "yes"}, found=True),
    Seed(name="in-use", size=120, days=800, attached=True, found=False),
    Seed(name="made-yesterday", size=300, days=1, found=False),
    Seed(name="in-another-region", size=700, days=150, region="eu-west-1", found=True),
)


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account while it is served."""

    address: str
    """Such as `http://127.0.0.1:41525`."""
    volumes: dict[str, str]
    """Volume id to name; the same in every run."""


def expected(region: str) -> set[str]:
    """Names of the volumes that the runbook has to find in a region."""
    return {seed.name for seed in SEEDS if seed.found and seed.region == region}


@contextmanager
def account(port: int = 0) -> Iterator[Account]:
    """Serves the account while the block lasts.

    Args:
        port: on which; 0 takes a free one.

    Raises:
        Exhausted: the port is taken.
    """
    with starting(port) as ready:
        yield ready()


@contextmanager
def starting(port: int = 0) -> Iterator[Callable[[], Account]]:
    """Start the account, and serve it while the block lasts.

    Args:
        port: on which; 0 takes a free one.

    Yields:
        A function that waits until the account is served, and raises `Exhausted` where the port is taken.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        encoding="utf-8",
    )
    with process:
        try:
            yield partial(_ready, process, port)
        finally:
            process.terminate()


def _ready(process: "subprocess.Popen[str]", port: int) -> Account:
    line = process.stdout.readline() if process.stdout else ""
    if line:
        return Account(**json.loads(line))
    said = process.stderr.read().strip() if process.stderr else ""
    if process.wait() == PORT_TAKEN:
        raise Exhausted(f"port {port} is taken", fix="name another with --port, or leave it out")
    raise PhasegateError(f"the demonstration's account did not start: {said[-300:]}", fix="start the demo again")


def seed() -> dict[str, str]:
    """Fills the moto backend of this process.

    Returns:
        Volume id to name.
    """
    from moto.ec2.models import ec2_backends
    from moto.moto_api._internal import mock_random

    mock_random.seed(20261118)
    return {_volume(ec2_backends[ACCOUNT][row.region], row): row.name for row in SEEDS}


def _volume(backend: "EC2Backend", row: Seed) -> str:
    from moto.ec2.models.elastic_block_store import VolumeAttachment

    iops = 3000 if row.kind.startswith("io") else None
    volume = backend.create_volume(size=row.size, zone_name=f"{row.region}a", volume_type=row.kind, iops=iops)
    volume.create_time = (NOW - timedelta(days=row.days)).replace(tzinfo=None)
    volume.add_tags({"Name": row.name, **row.tags})
    if row.attached:
        server = SimpleNamespace(id="i-0a1b2c3d4e5f60718")
        volume.attachment = VolumeAttachment(volume, server, "/dev/sdf", "attached")  # type: ignore[abstract]
    return str(volume.id)


def main() -> int:
    """Serves until standard input ends."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    port = int(sys.argv[1])
    if not _free(port):
        return PORT_TAKEN
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address=HOST, port=port, verbose=False)
    volumes = seed()
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    print(json.dumps({"address": address, "volumes": volumes}), flush=True)
    sys.stdin.read()
    server.stop()
    return 0


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
