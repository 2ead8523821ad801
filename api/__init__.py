"""The HTTP API: one package per resource, with its schemas and views. Business rules are in `models/`."""
