"""The engine and its workers, hosted in a process."""
