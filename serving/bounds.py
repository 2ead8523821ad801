"""Bounds of the answer to a refused request: what a client sends does not decide how much it gets back."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from models.core.errors import Invalid

MAX_FAULTS = 20


MAX_PATH = 200  # characters


MAX_TEXT = 500  # characters


MAX_ITEMS = 100
"""Of a list or an object within an additional member."""


MAX_DEPTH = 6


Path = tuple[object, ...]


def shorten(text: str, most: int = MAX_TEXT) -> str:
    """The text, or its beginning and an ellipsis: at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def named(path: Path) -> str:
    """The name of a field in a problem document, `address.city` or `lines.0.quantity`, at most 200 characters."""
    parts, length = [], 0
    for part in path:
        parts.append(shorten(str(part), MAX_PATH))
        length += len(parts[-1]) + 1
        if length > MAX_PATH:
            break
    return shorten(".".join(parts), MAX_PATH) or "body"


def flatten_messages(messages: object, most: int = MAX_FAULTS + 1) -> dict[str, list[str]]:
    """Flattens marshmallow's nested messages: `{"address": {"city": […]}}` → `{"address.city": […]}`.

    Contains the first faults, by default one more than a problem document; their names and reasons are cut.
    """
    found: dict[str, list[str]] = {}
    for path, reason in islice(_faults(messages), most):
        found.setdefault(named(path), []).append(shorten(str(reason)))
    return found


def _faults(messages: object) -> Iterator[tuple[Path, object]]:
    """Yields the path and the reason of each fault, in order. Needs no recursion, however deep the messages are."""
    waiting: list[Iterator[tuple[Path, object]]] = [iter([((), messages)])]
    while waiting:
        path, found = next(waiting[-1], ((), waiting))
        if found is waiting:
            waiting.pop()
        elif isinstance(found, dict):
            waiting.append(_within(path, found))
        elif isinstance(found, list | tuple):
            waiting.append((path, reason) for reason in found)
        else:
            yield path, found


def _within(path: Path, messages: dict[Any, object]) -> Iterator[tuple[Path, object]]:
    return ((path if name == "_schema" else (*path, name), inner) for name, inner in messages.items())


def cut(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return shorten(value)
    if isinstance(value, dict | list | tuple) and depth == MAX_DEPTH:
        return None
    if isinstance(value, dict):
        first = islice(value.items(), MAX_ITEMS)
        return {shorten(str(name), MAX_PATH): cut(inner, depth + 1) for name, inner in first}
    if isinstance(value, list | tuple):
        return type(value)(cut(inner, depth + 1) for inner in islice(value, MAX_ITEMS))
    return value


def invalid(messages: object) -> Invalid:
    """Makes an `Invalid` error from marshmallow's messages."""
    return Invalid("Some fields are invalid; see errors.", errors=flatten_messages(messages))
