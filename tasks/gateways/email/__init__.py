"""Mail providers."""
