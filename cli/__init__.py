"""The `shop` command: one file per command."""
