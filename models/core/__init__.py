"""Shared by all services: the database, errors, events and idempotency keys."""
