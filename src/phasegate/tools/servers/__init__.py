"""MCP servers for AWS, Jira, Confluence, Slack and Teams."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.tools.servers.http_calls import RetryPolicy as RetryPolicy
    from phasegate.tools.servers.http_calls import idempotency_label as idempotency_label
    from phasegate.tools.servers.mcp_base import TOKEN as TOKEN


__getattr__ = lazily(__name__, __file__)
