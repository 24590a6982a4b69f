"""Executions of released runbooks under a manager's approval."""
