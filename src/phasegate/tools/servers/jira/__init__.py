"""Jira as tools: issues, comments, links and exceptions, on the Cloud or a Data Center."""
