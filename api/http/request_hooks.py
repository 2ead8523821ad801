"""Hooks for every request: request ids, checks of the body, security headers."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request
from flask_smorest import Blueprint
from webargs.core import missing
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from api.http import access_log
from api.http.bounds import MAX_FAULTS, Path, named
from api.http.errors import problem
from durable import context
from models.core import event_log
from models.core.database import request_id
from models.core.errors import BadRequest
from serving.bounds import invalid
from serving.requests import UNSTORABLE, read_request_id
from settings import settings

View = TypeVar("View", bound=Callable[..., object])

MAX_BODY = 1 << 20  # bytes
MAX_NESTING = 32  # objects and lists within each other
MAX_DIGITS = 100  # of a number; those that the schemas accept are much shorter
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Default headers. Views that need other values set them."""


def install(app: Flask) -> None:
    """Registers the hooks."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # The parser of all blueprints reuses the body that `_check_input` has parsed.
    Blueprint.ARGUMENTS_PARSER._raw_load_json = lambda req: g.get("body", missing)  # type: ignore[method-assign]
    access_log.install(app)
    app.before_request(_set_request_id)
    app.before_request(_check_input)
    app.after_request(_set_headers)
    app.after_request(_refuse_long_page)  # before the headers are set
    app.teardown_request(_clear_context)


def _set_request_id() -> None:
    request_id.set(read_request_id(request.headers.get("X-Request-Id")))


def _check_input() -> None:
    """Refuses bodies that are not well-formed JSON, and text that PostgreSQL cannot store.

    The schemas validate the body afterwards; these are checks that they do not make.
    """
    if request.routing_exception is not None:
        return
    unstorable: list[Path] = [(name,) for name, value in request.args.items(multi=True) if "\0" in name + value]
    if request.content_length or request.headers.get("Transfer-Encoding"):
        if request.is_json:
            unstorable += islice(find_unstorable(_parse_body()), MAX_FAULTS + 1)
        elif _takes_form():
            unstorable += [(name,) for name, value in request.form.items(multi=True) if not is_storable(name + value)]
        elif not _takes_files():
            raise UnsupportedMediaType("The body must be JSON (Content-Type: application/json).")
    if unstorable:
        raise invalid({named(path): [UNSTORABLE] for path in unstorable})


def _parse_body() -> object:
    """Parses the body and keeps it for the schemas. Raises BadRequest (`malformed_json`)."""
    body = request.get_data()
    if request.content_length is None and len(body) >= MAX_BODY:
        raise RequestEntityTooLarge  # werkzeug cuts off a chunked body at the limit
    g.body = read_json(body)
    return g.body


def read_json(text: str | bytes) -> object:
    """The value of a text in JSON. Raises BadRequest (`malformed_json`), also for numbers that JSON does not have."""
    try:
        return json.loads(text, **_NUMBERS)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not well-formed JSON: {error}.", code="malformed_json") from error


def takes_files(limit: int) -> Callable[[View], View]:
    """Marks a view whose body is a file of at most `limit` bytes, which the view reads and checks itself."""

    def mark(view: View) -> View:
        vars(view)["takes_files"] = limit
        return view

    return mark


def _takes_form() -> bool:
    """Whether the body is a form, and the view a page that takes one (web/blueprint.py).

    If so, and if the form may have files, sets the size limit of the request.
    """
    view = current_app.view_functions[request.endpoint or ""]
    if request.mimetype not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return False
    if hasattr(view, "most_bytes"):
        request.max_content_length = view.most_bytes()
    return hasattr(view, "takes_form")


def _takes_files() -> bool:
    """Whether the view takes a file. If so, raises the size limit of the request."""
    view = getattr(current_app.view_functions[request.endpoint or ""], "view_class", None)
    limit = getattr(getattr(view, request.method.lower(), None), "takes_files", None)
    if limit is not None:
        request.max_content_length = limit
    return limit is not None


MAX_EXACT_FLOAT = 2**53  # below it, every float represents exactly one integer


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _short(text: str) -> str:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} characters")
    return text


def _integer(text: str) -> int:
    return int(_short(text))


def _number(text: str) -> int | float:
    """2.0 is the integer 2, as in JSON Schema (2020-12 Core, section 4.2.3)."""
    number = float(_short(text))
    if not math.isfinite(number):
        raise ValueError(f"the number {text} is too large")
    return int(number) if number.is_integer() and abs(number) < MAX_EXACT_FLOAT else number


_NUMBERS: dict[str, Any] = {"parse_constant": _refuse_constant, "parse_int": _integer, "parse_float": _number}


def find_unstorable(value: object, path: Path = ()) -> Iterator[Path]:
    """Yields the path of each text that contains NUL or an unpaired surrogate, and of each object with such a name.

    Raises BadRequest for a value that is nested too deep.
    """
    if isinstance(value, str):
        if not is_storable(value):
            yield path
        return
    if len(path) > MAX_NESTING:
        raise BadRequest(f"The body is nested deeper than {MAX_NESTING} levels.", code="malformed_json")
    if isinstance(value, dict):
        if not all(map(is_storable, value)):
            yield path
        inside: Iterable[tuple[object, object]] = value.items()
    else:
        inside = enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        if isinstance(inner, str | dict | list):
            yield from find_unstorable(inner, (*path, name))


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store the text."""
    return "\0" not in text and _encodes(text)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_long_page(response: Response) -> Response:
    """Rows differ in size, such as orders of one line and of 2,000."""
    if g.get("is_page") and (response.content_length or 0) > settings.answer_bytes:
        detail = f"The page would be larger than {settings.answer_bytes} bytes. Ask for fewer rows with `limit`."
        return problem(422, "answer_too_large", detail, limit=settings.answer_bytes)
    return response


def _set_headers(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id.get() or ""
    if response.status_code == 204:  # flask-smorest serialises even an empty body
        response.set_data(b"")
        response.headers.remove("Content-Type")
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _clear_context(_: BaseException | None) -> None:
    request_id.set(None)
    context.trace.set(None)
    event_log.actor.set(None)
