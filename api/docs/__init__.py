"""API documentation: the OpenAPI document, Swagger UI and the list of error codes."""

from api.docs.pages import blueprint

__all__ = ["blueprint"]
