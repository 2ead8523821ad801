"""What every request may bring with it: an id, and texts that can be stored."""

import re
from uuid import uuid4

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
UNSTORABLE = "contains a character that cannot be stored"


def read_request_id(given: str | None) -> str:
    """The client's id of a request if it is valid, otherwise a new one."""
    return given if given is not None and REQUEST_ID.fullmatch(given) else uuid4().hex
