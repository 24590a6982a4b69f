"""The page and the REST API: each turns a request into one call below, and has no logic of its own."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.web.context import Context as Context
    from phasegate.web.context import Served as Served
    from phasegate.web.context import context_of as context_of
    from phasegate.web.server import build as build
    from phasegate.web.session_auth import Person as Person
    from phasegate.web.settings import loopback as loopback
    from phasegate.web.socket import listen as listen


__getattr__ = lazily(__name__, __file__)
