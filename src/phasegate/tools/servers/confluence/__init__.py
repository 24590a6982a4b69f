"""Confluence as tools: pages written from our Markdown, never over what somebody else wrote."""
