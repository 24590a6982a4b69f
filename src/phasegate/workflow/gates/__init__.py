"""Gates: opened, decided, revoked, delegated and timed."""
