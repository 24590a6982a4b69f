"""Where the server listens, and by which names it may be asked."""

from dataclasses import dataclass

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One server."""

    hosts: frozenset[str]
    """Values of the Host header that are answered, such as `127.0.0.1:8300`."""
    secure: bool = False
    """Whether people reach it through TLS."""

    @property
    def origins(self) -> frozenset[str]:
        """Where its own pages come from."""
        scheme = "https" if self.secure else "http"
        return frozenset(f"{scheme}://{host}" for host in self.hosts)

    @property
    def address(self) -> str:
        """Where a link from elsewhere leads; of several names the first by alphabet."""
        return min(self.origins)

    @property
    def cookie(self) -> str:
        """The session's cookie; the prefix has browsers refuse it from other hosts and without TLS."""
        return "__Host-phasegate" if self.secure else "phasegate"


def loopback(port: int) -> Settings:
    """A server that this machine alone can reach."""
    return Settings(hosts=frozenset(f"{host}:{port}" for host in LOOPBACK))
