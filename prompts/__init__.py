"""The prompt templates: in what words a role is asked."""
