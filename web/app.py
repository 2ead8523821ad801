"""The application of the API with pages. gunicorn serves `web.app:app`."""

from typing import Any

from flask import Flask

from api.app import create_app as create_api
from api.http.auth import public
from web import assets, pages
from web import desk as _desk  # noqa: F401, declares the views
from web import ops as _console  # noqa: F401, declares the views
from web import shop as _views  # noqa: F401, declares the views
from web.blueprint import desk as desk_blueprint
from web.blueprint import ops as ops_blueprint
from web.blueprint import shop as shop_blueprint
from web.shop.home import home


def create_app() -> Flask:
    """Creates the application. Its OpenAPI document is that of the API: pages are not in it."""
    app = create_api()
    pages.install(app)
    app.register_blueprint(assets.blueprint)
    app.register_blueprint(shop_blueprint)
    app.register_blueprint(desk_blueprint)
    app.register_blueprint(ops_blueprint)
    app.view_functions["docs.start"] = _page_or(app.view_functions["docs.start"])
    return app


def _page_or(document: Any) -> Any:
    """`/` is the shop for browsers, and the list of addresses for programs."""

    @public
    def start_page() -> Any:
        return home() if pages.wants_page() else document()

    return start_page


app = create_app()
