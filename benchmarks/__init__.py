"""Programs that measure Shopflow, each on servers of its own: `python -m benchmarks`. They are no tests."""
