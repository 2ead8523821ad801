"""Edits that meet: a form names the version of what it shows, and is refused if that has changed.

It is what ETag and If-Match are for programs.
"""

from hashlib import blake2b

from flask import request

from models.core.errors import Stale

FIELD = "version"


def version_of(*values: object) -> str:
    """The version of these values."""
    return blake2b(repr(values).encode(), digest_size=12).hexdigest()


def check_version(*values: object) -> None:
    """Raises Stale unless the form shows these values. Their row must be locked."""
    if request.form.get(FIELD) != version_of(*values):
        raise Stale("Somebody has changed this since the page was opened.")
