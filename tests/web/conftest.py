"""The application with pages, on the database of a new shop."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import Caller


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


class Browser(FlaskClient):
    """A test client that asks for HTML, and sends forms with their token as a browser does."""

    def open(self, *args: Any, **options: Any) -> Any:
        headers = {"Accept": "text/html,*/*;q=0.8", **(options.pop("headers", None) or {})}
        return super().open(*args, headers=headers, **options)

    def send(self, path: str, form: dict[str, Any] | None = None, page: str = "/basket", **options: Any) -> Any:
        """Sends a form, with the token of the form on `page`."""
        token = re.search(r'name="csrf_token" value="(\w+)"', self.get(page).text)
        assert token is not None
        return self.post(path, data={"csrf_token": token[1], **(form or {})}, **options)


@pytest.fixture(scope="session")
def app(seeds: Any) -> Any:
    from web.app import create_app

    app = create_app()
    app.test_client_class = Browser
    return app


@pytest.fixture
def browser(client: Any) -> Browser:
    """A browser in which nobody has signed in."""
    assert isinstance(client, Browser)
    return client


@pytest.fixture
def signed_in(app: Any, sign_in: Callable[..., Caller]) -> Callable[..., Browser]:
    """A browser in which somebody has signed in: `signed_in("ada")`."""
    from models.accounts import OpenedSession
    from web import access

    def open_browser(username: str, *roles: str) -> Browser:
        made = sign_in(username, *roles)
        found: Browser = app.test_client()
        with app.test_request_context():
            response = app.make_response("")
            access.sign_in(response, OpenedSession(made.user_id, made.session_id, ""))
        name, _, value = response.headers["Set-Cookie"].partition(";")[0].partition("=")
        found.set_cookie(name, value)
        return found

    return open_browser
