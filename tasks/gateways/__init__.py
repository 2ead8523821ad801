"""Gateways: clients of external services."""
