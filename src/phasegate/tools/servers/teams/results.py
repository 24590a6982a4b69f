"""Results of the Teams tool."""

from pydantic import Field

from phasegate.tools.servers.mcp_base import Result


class PostedCard(Result):
    """A card that the workflow took. That it shows in the channel, only people can see."""

    key: str
    created: bool = Field(description="false when this server posted a card of the key before")
