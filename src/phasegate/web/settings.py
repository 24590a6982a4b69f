"""Settings of the server: its address and its host names."""

from dataclasses import dataclass

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one server."""

    hosts: frozenset[str]
    """Values of the Host header that are answered, such as `127.0.0.1:8300`."""
    secure: bool = False
    """Whether people reach it through TLS."""

    @property
    def origins(self) -> frozenset[str]:
        """Origins of its own pages."""
        scheme = "https" if self.secure else "http"
        return frozenset(f"{scheme}://{host}" for host in self.hosts)

    @property
    def address(self) -> str:
        """Address for links from elsewhere, with the first host name by alphabet."""
        return min(self.origins)

    @property
    def cookie(self) -> str:
        """Name of the session's cookie, whose prefix has browsers refuse it from other hosts and without TLS."""
        return "__Host-phasegate" if self.secure else "phasegate"


def loopback(port: int) -> Settings:
    """A server that this machine alone can reach."""
    return Settings(hosts=frozenset(f"{host}:{port}" for host in LOOPBACK))
