"""Payments and the webhooks of payment providers."""
