"""Replacements for external services: a payment gateway and a mailbox, each a separate process."""
