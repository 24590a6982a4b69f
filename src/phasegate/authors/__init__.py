"""How a role produces an artifact, and how a reviewer judges one."""
