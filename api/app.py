"""The Flask application of the API. gunicorn serves it with pages: `web.app:app`."""

import json
from copy import deepcopy
from functools import cache
from http import HTTPStatus

import flask_smorest
from flask import Flask
from marshmallow import RAISE
from werkzeug.middleware.proxy_fix import ProxyFix

import workflows  # noqa: F401, its after-commit hook publishes the runs that requests start
from api import (
    access,
    accounts,
    carts,
    catalogue,
    checkout,
    docs,
    fulfilment,
    health,
    inventory,
    notifications,
    operations,
    orders,
    payments,
    pictures,
    reconciliations,
    reports,
    returns,
    tasks,
    webhooks,
)
from api.carts import guest_token
from api.docs import openapi
from api.http import errors, request_hooks
from api.http.auth import API_KEY_HEADER
from api.http.fields import IdConverter, KindConverter, RoleConverter
from settings import settings

BLUEPRINTS = [
    module.blueprint
    for module in (
        accounts,
        access,
        catalogue,
        pictures,
        carts,
        checkout,
        orders,
        payments,
        reconciliations,
        fulfilment,
        inventory,
        returns,
        notifications,
        reports,
        tasks,
        operations,
        webhooks,
        health,
        docs,
    )
]
"""One per resource, in the order of the OpenAPI document."""


class Api(flask_smorest.Api):
    """flask-smorest with problem documents (RFC 9457) as error responses."""

    def _register_error_handlers(self) -> None:
        errors.install(self._app)

    def _register_responses(self) -> None:
        content = {"application/problem+json": {"schema": errors.Problem}}
        for status in HTTPStatus:
            described = {"description": status.phrase, **({"content": content} if status >= 400 else {})}
            self.spec.components.response(status.name, described, lazy=True)
        default = {"description": "An error", "content": content}
        self.spec.components.response(self.DEFAULT_ERROR_RESPONSE_NAME, default, lazy=True)


def create_app() -> Flask:
    """Creates the application with all blueprints."""
    app = Flask("shopflow", static_folder=None)
    # No `secret_key`: there are no cookies, and Flask skips its session handling.
    if settings.api_proxies:  # only behind a proxy: otherwise clients could forge their IP address
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.api_proxies, x_proto=0)  # type: ignore[method-assign]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config.update(API_TITLE="Shopflow", API_VERSION="v1", OPENAPI_VERSION="3.1.0")
    app.url_map.merge_slashes = False  # a redirect would be HTML
    app.url_map.converters |= {"id": IdConverter, "kind": KindConverter, "role": RoleConverter}
    request_hooks.install(app)
    api = Api(app)
    for converter in (IdConverter, KindConverter, RoleConverter):
        api.register_converter(converter, _pattern)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    api.spec.components.security_scheme("cart", guest_token.SCHEME)
    api.spec.components.security_scheme("api_key", {"type": "apiKey", "in": "header", "name": API_KEY_HEADER})
    # Unknown query parameters are errors, so that a misspelt filter does not list everything. All blueprints share
    # this parser.
    parser = flask_smorest.Blueprint.ARGUMENTS_PARSER
    parser.DEFAULT_UNKNOWN_BY_LOCATION = {**parser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    # A copy, because two threads may ask at once, and the document is completed in place.
    app.extensions["openapi"] = cache(lambda: _as_json(openapi.finish(deepcopy(api.spec.to_dict()), app)))
    return app


def _as_json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _pattern(converter: IdConverter | RoleConverter) -> dict[str, object]:
    return {"type": "string", "pattern": f"^{converter.regex}$"}


app = create_app()
