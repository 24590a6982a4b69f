"""Bearer tokens and their scopes. Cookies count for nothing here."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from phasegate.core import Refused
from phasegate.identity import Scope, Token
from phasegate.web.context import Served
from phasegate.workflow import Channel, Kind
from phasegate.workflow import Credentials as Who

_BEARER = HTTPBearer(auto_error=False, description="A token of `phasegate token create`")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


def _allows(*scopes: Scope) -> Callable[..., Awaitable[Token]]:
    async def token(context: Served, given: Credentials) -> Token:
        found = await context.tokens.find(given.credentials) if given else None
        if found is None:
            raise Refused(
                "no token, or one that has ended",
                reason="bad_token",
                fix="send one in the header 'Authorization: Bearer TOKEN'",
            )
        if not found.scopes.intersection(scopes):
            names = "' or '".join(scopes)
            raise Refused(f"token '{found.id}' lacks the scope '{names}'", reason="scope_missing", fix="make another")
        return found

    return token


def owner(token: Token) -> str:
    """Return the token's person, and refuse a service's token whatever scopes it has.

    Raises:
        Refused: `service_identity`.
    """
    # Whatever the scopes say: they are a row that whoever can write the database could change.
    if token.account is None:
        raise Refused("a service decides nothing", reason="service_identity", fix="a person's token")
    return token.account


def credentials(token: Token, proved_at: datetime | None) -> Who:
    """Return the credentials of whoever hands in a statement signed at that moment."""
    return Who(name=token.account or token.name, kind=Kind(token.kind), channel=Channel.api, proved_at=proved_at)


Reads = Annotated[Token, Depends(_allows(Scope.read))]
Runs = Annotated[Token, Depends(_allows(Scope.run))]
Decides = Annotated[Token, Depends(_allows(Scope.decide))]
Works = Annotated[Token, Depends(_allows(Scope.work))]
Lists = Annotated[Token, Depends(_allows(Scope.read, Scope.work))]
