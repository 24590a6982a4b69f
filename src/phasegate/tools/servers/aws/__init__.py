"""AWS as an agent may see it: inventory, cost, metrics, tags and IAM, read only."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.tools.servers.aws.server import build as build


__getattr__ = lazily(__name__, __file__)
