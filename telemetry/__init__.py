"""Telemetry: what the shop says about its own work. Log lines, metrics and traces; no personal data in any of them."""
