"""Replacements for external services: a payment gateway, a carrier and a mailbox, each a separate process."""
