"""Benchmarks of Shopflow, each on its own servers: `python -m benchmarks`. They are not part of the tests."""
