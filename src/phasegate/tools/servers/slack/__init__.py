"""Slack as tools: messages once for a key, threads, channels and people; and what proves that Slack sent a request."""
