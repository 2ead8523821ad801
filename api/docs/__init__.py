"""What the API says of itself: its OpenAPI document, and pages that show it and explain every error."""

from api.docs.pages import blueprint

__all__ = ["blueprint"]
