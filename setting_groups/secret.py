"""The secret of a shop that has set none."""

DEFAULT_SECRET = "only-for-development-change-me-in-production"  # noqa: S105
