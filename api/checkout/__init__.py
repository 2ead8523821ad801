"""Checkout: from a cart to an order."""
