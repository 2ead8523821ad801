"""Bounds of problem documents. What they have in common with other refusals is in `serving/bounds.py`."""

from itertools import islice
from typing import Any

from flask import json

from serving.bounds import MAX_FAULTS, MAX_ITEMS, Path, cut, flatten_messages, named, shorten

__all__ = ["MAX_ANSWER", "MAX_FAULTS", "MAX_ITEMS", "Path", "bounded", "flatten_messages", "named", "shorten"]

MAX_ANSWER = 64 * 1024  # bytes
TRUNCATED = "truncated"


def bounded(members: dict[str, Any]) -> bytes:
    """Encodes a problem document in at most 64 kB. `truncated` is true if it does not contain everything.

    `errors` has at most 20 faults. Texts are cut, long lists end early; if that is not enough, the largest members are
    halved until the document fits.
    """
    shown = {
        name: flatten_messages(value, MAX_FAULTS) if name == "errors" else cut(value) for name, value in members.items()
    }
    sizes = {name: len(json.dumps(value)) for name, value in shown.items()}
    while sum(sizes.values()) > MAX_ANSWER - 40 * (len(sizes) + 1):  # less the names and what separates them
        largest = max(sizes, key=lambda name: sizes[name])
        shown[largest] = _half(shown[largest])
        sizes[largest] = len(json.dumps(shown[largest]))
    return json.dumps(shown if shown == members else {**shown, TRUNCATED: True}).encode()


def _half(value: Any) -> Any:
    if isinstance(value, dict):
        return dict(islice(value.items(), len(value) // 2))
    return value[: len(value) // 2] if isinstance(value, str | list | tuple) else None
