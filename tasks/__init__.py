"""Steps and their undos: one module per service, which has one queue."""
