"""Taking a port, and serving on it until the person stops it."""

import contextlib
import ipaddress
import signal
import socket
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from phasegate.core import Exhausted, UsageError
from phasegate.web.patience import SECONDS, patient
from phasegate.web.settings import Settings, loopback

_END_SECONDS = 20


def listen(host: str, port: int, *, behind_tls: bool, names: Sequence[str]) -> tuple[Settings, socket.socket]:
    """Takes the port.

    Args:
        host: the address.
        port: 0 takes a free one.
        behind_tls: whether people reach it through a proxy that ends TLS.
        names: by which names they ask for it; empty: the loopback's.

    Raises:
        UsageError: others than this machine could reach it without TLS.
        Exhausted: the port is taken, or the address is not this machine's.
    """
    if not (behind_tls or _is_loopback(host)):
        raise UsageError(
            f"'{host}' can be reached from other machines, and passphrases would go there unencrypted",
            fix="put a proxy with TLS before it and say --behind-tls --name HOST, or leave --host out",
        )
    if behind_tls and not names:
        raise UsageError("behind TLS the server must know its name", fix="--name inbox.example.org")
    listening = take(host, port)
    if not names:
        return loopback(listening.getsockname()[1]), listening
    return Settings(hosts=frozenset(name.lower() for name in names), secure=behind_tls), listening


async def run(
    web: ASGIApp,
    listening: socket.socket,
    *,
    behind_proxy: bool = False,
    lifespan: Literal["on", "off"] = "off",
    patience: float = SECONDS,
    end: int = _END_SECONDS,
) -> None:
    """Serve until SIGINT or SIGTERM, which end open streams too.

    Args:
        web: the application.
        listening: where it is reached.
        behind_proxy: whether a proxy on this machine names the clients.
        lifespan: whether the application is told of start and end.
        patience: seconds in which a request must have arrived as a whole.
        end: seconds after SIGTERM in which all must be closed; then the process is killed.
    """
    config = uvicorn.Config(
        web,
        log_level="warning",
        access_log=False,
        # Neither name nor version of what serves: only an attacker asks for them.
        server_header=False,
        date_header=False,
        proxy_headers=behind_proxy,
        timeout_graceful_shutdown=2,
        lifespan=lifespan,
        http=patient(patience),
    )
    with contextlib.suppress(KeyboardInterrupt):
        await _Server(config, end).serve([listening])


class _Server(uvicorn.Server):
    """A server that does not raise the signal again once stopped, so that its callers can close."""

    def __init__(self, config: uvicorn.Config, end: int) -> None:
        super().__init__(config)
        self._end = end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, with an alarm of the kernel for code that no event loop could end."""
        # SIGALRM is left to the kernel, which ends the process: a handler of Python's would wait for the same code.
        signal.alarm(self._end)
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def take(host: str, port: int) -> socket.socket:
    """Take a port, a free one for 0.

    Raises:
        Exhausted: it is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    # Else the port of a server that was just stopped is taken for another minute.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise Exhausted(
            f"port {port} of '{host}' is unavailable: {error.strerror}", fix="name another with --port"
        ) from error
    return listening
