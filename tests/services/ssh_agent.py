"""An SSH agent with a security key that is touched or not: the double of a device that no test machine has."""

import hashlib
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.keyholder import SECURITY_KEY, line_of, public_blob, put_string, take_string

APPLICATION = "ssh:"


@dataclass
class Device:
    """A security key."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    touched: bool = True
    refuses: bool = False
    counter: int = 0

    @property
    def blob(self) -> bytes:
        return public_blob(self.key.public_key().public_bytes_raw(), APPLICATION)

    @property
    def line(self) -> str:
        return line_of(self.key.public_key().public_bytes_raw(), APPLICATION)

    def signed(self, message: bytes) -> bytes:
        """The 64 bytes, flags and counter."""
        self.counter += 1
        tail = bytes([self.touched]) + self.counter.to_bytes(4, "big")
        of, what = hashlib.sha256(APPLICATION.encode()).digest(), hashlib.sha256(message).digest()
        return self.key.sign(of + tail + what) + tail

    def answer(self, request: bytes) -> bytes:
        if request[0] == 11:
            return b"\x0c" + (1).to_bytes(4, "big") + put_string(self.blob) + put_string(b"device")
        blob, rest = take_string(request[1:])
        if request[0] != 13 or blob != self.blob or self.refuses:
            return b"\x05"
        signature = self.signed(take_string(rest)[0])
        return b"\x0e" + put_string(put_string(SECURITY_KEY.encode()) + put_string(signature[:64]) + signature[64:])


@contextmanager
def agent_of(device: Device, address: Path) -> Iterator[None]:
    """An agent with that device at a socket."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while size := self.rfile.read(4):
                self.wfile.write(put_string(device.answer(self.rfile.read(int.from_bytes(size, "big")))))

    with socketserver.ThreadingUnixStreamServer(str(address), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()
