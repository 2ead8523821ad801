"""Carts, of customers and of guests."""
