"""Slack as tools: messages once for a key, threads, channels, people, and the signature of requests."""
