"""The part of flask-smorest that api/ uses. The package itself has no types."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import flask
import flask.views
from apispec import APISpec
from marshmallow import Schema
from webargs.flaskparser import FlaskParser
from werkzeug.routing import BaseConverter

View = TypeVar("View", bound=Callable[..., Any] | type[flask.views.View])
AnySchema = Schema | type[Schema] | Mapping[str, Any]

class Blueprint(flask.Blueprint):
    ARGUMENTS_PARSER: FlaskParser
    def __init__(
        self, name: str, import_name: str, *, url_prefix: str | None = ..., description: str = ...
    ) -> None: ...
    def route(
        self, rule: str, *, parameters: Iterable[Any] | None = ..., tags: Iterable[str] | None = ..., **options: Any
    ) -> Callable[[View], View]: ...
    def arguments(
        self,
        schema: AnySchema,
        *,
        location: str = ...,
        required: bool = ...,
        example: Mapping[str, Any] | None = ...,
    ) -> Callable[[View], View]: ...
    def response(
        self,
        status_code: int,
        schema: AnySchema | None = ...,
        *,
        content_type: str | None = ...,
        headers: Mapping[str, Any] | None = ...,
        description: str | None = ...,
    ) -> Callable[[View], View]: ...
    def alt_response(
        self,
        status_code: int,
        *,
        schema: AnySchema | None = ...,
        content_type: str | None = ...,
        description: str | None = ...,
    ) -> Callable[[View], View]: ...
    @staticmethod
    def doc(**kwargs: Any) -> Callable[[View], View]: ...

class Api:
    DEFAULT_ERROR_RESPONSE_NAME: str
    spec: APISpec
    _app: flask.Flask
    def __init__(self, app: flask.Flask) -> None: ...
    def register_blueprint(self, blp: Blueprint) -> None: ...
    def register_converter(self, converter: type[BaseConverter], func: Callable[[Any], dict[str, Any]]) -> None: ...
