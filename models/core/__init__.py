"""What all services share: the database, errors, events, idempotency keys."""
