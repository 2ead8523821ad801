"""Tasks: the runs that requests have started."""
