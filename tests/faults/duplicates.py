"""The shop's Celery application with every message delivered twice: `celery -A tests.faults.duplicates worker`."""

from copy import deepcopy
from typing import Any
from uuid import uuid4

from celery.signals import celeryd_init
from kombu.transport.redis import Channel

from workflows import app

__all__ = ["app", "put_again", "put_twice"]

_put = Channel._put


def put_twice(channel: Channel, queue: str, message: dict[str, Any], **options: Any) -> None:
    """Puts a message and a copy with its own delivery tag."""
    _put(channel, queue, message, **options)
    copy = deepcopy(message)
    copy["properties"]["delivery_tag"] = str(uuid4())
    _put(channel, queue, copy, **options)


def put_again(channel: Channel, queue: str, message: dict[str, Any], **options: Any) -> None:
    """Puts a message marked as redelivered."""
    message["properties"]["delivery_info"]["redelivered"] = True
    _put(channel, queue, message, **options)


@celeryd_init.connect
def _send_twice(**_: object) -> None:
    Channel._put = put_twice  # type: ignore[assignment, method-assign]
