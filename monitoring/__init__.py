"""Monitoring: health, overload and invariants."""
