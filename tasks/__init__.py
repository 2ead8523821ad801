"""One file per service, which is one queue: its steps and their undo."""
