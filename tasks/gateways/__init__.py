"""The world outside the shop, one file for each thing in it."""
