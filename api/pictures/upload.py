"""Receiving a picture: the body, or one part of a form, before a transaction is opened, because clients can be slow."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from werkzeug.exceptions import RequestEntityTooLarge

from api.catalogue.imports import UploadTooSlow
from api.http.request_hooks import is_storable
from models import pictures
from serving.bounds import invalid
from serving.requests import UNSTORABLE
from settings import settings

P = ParamSpec("P")
Answer = TypeVar("Answer")

FORM_BYTES = 1 << 14  # for the boundaries and headers of a form, and the text of `alt`
PIECE = 1 << 18


@dataclass(frozen=True)
class Upload:
    """A picture as it was sent, whose head is acceptable."""

    body: bytes
    alt: str

    @property
    def digest(self) -> str:
        """Identifies the picture and its text."""
        return hashlib.sha256(self.alt.encode() + b"\0" + self.body).hexdigest()


def with_picture(method: Callable[P, Answer]) -> Callable[P, Answer]:
    """Sets `g.upload`. Raises Invalid, UploadTooSlow, UnsupportedPicture, PictureRefused and RequestEntityTooLarge."""

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Answer:
        g.upload = _receive()
        pictures.read_head(g.upload.body)
        return method(*args, **kwargs)

    return wrapper


def _receive() -> Upload:
    alt = request.args.get("alt", "")
    if request.mimetype != "multipart/form-data":
        return Upload(_read(request.stream.read), alt)
    sent = request.files.get("file")
    if sent is None or len(request.files) > 1 or set(request.form) - {"alt"}:
        raise invalid({"file": ["send exactly one part named `file`, and at most one named `alt`"]})
    alt = request.form.get("alt", alt)
    if len(alt) > pictures.MAX_ALT:
        raise invalid({"alt": [f"has more than {pictures.MAX_ALT} characters"]})
    if not is_storable(alt):
        raise invalid({"alt": [UNSTORABLE]})
    return Upload(_read(sent.stream.read), alt)


def _read(read: Callable[[int], bytes]) -> bytes:
    until, pieces, size = time.monotonic() + settings.upload_seconds, list[bytes](), 0
    while piece := read(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > settings.picture_bytes:
            raise RequestEntityTooLarge(f"A picture has at most {settings.picture_bytes} bytes.")
        if time.monotonic() > until:
            raise UploadTooSlow(f"The file has not arrived within {settings.upload_seconds:g} s.")
    return b"".join(pieces)
