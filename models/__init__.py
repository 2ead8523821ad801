"""Domain model: one package per service, with its tables and the rules for their rows."""
