"""Push services."""
