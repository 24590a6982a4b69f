"""The state machine: phases, gates, segments."""
