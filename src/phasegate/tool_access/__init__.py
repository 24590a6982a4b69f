"""Tool servers of a repository: offers, requests and grants."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.tool_access.requests import waits as waits
    from phasegate.tool_access.role_tools import ClientTools as ClientTools
    from phasegate.tool_access.role_tools import RunTools as RunTools
    from phasegate.tool_access.role_tools import open_run_tools as open_run_tools
    from phasegate.tool_access.servers import Tools as Tools
    from phasegate.tool_access.servers import bounds as bounds
    from phasegate.tool_access.servers import open_tools as open_tools
    from phasegate.tool_access.servers import sessions_of as sessions_of


__getattr__ = lazily(__name__, __file__)
