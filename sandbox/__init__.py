"""Replacements for external services: payment gateway, PayPal, carrier and mailbox, each a separate process."""
