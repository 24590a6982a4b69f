"""The demonstration: a repository of its own, an AWS account of its own, and its result."""
