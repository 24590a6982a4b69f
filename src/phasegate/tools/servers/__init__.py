"""MCP servers for AWS, Jira, Confluence, Slack and Teams."""
