"""Messages of protobuf to and from the values that the rest of the shop works with."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from models.core.errors import BadRequest
from serving.bounds import MAX_FAULTS, Path, invalid, named
from serving.fields import Schema
from serving.requests import UNSTORABLE

MessageType = TypeVar("MessageType", bound=Message)

AS_IT_IS = frozenset({"google.protobuf.Struct", "google.protobuf.Timestamp"})
"""Messages that protobuf makes of a dict or a datetime by itself."""


def parse(kind: type[MessageType], data: bytes) -> MessageType:
    """Decodes a request. Raises BadRequest, and Invalid for a text that PostgreSQL cannot store."""
    try:
        message = kind.FromString(data)
    except DecodeError as error:
        raise BadRequest("The request is not a message of this call.") from error
    if b"\0" in data and (unstorable := list(islice(_unstorable(message), MAX_FAULTS + 1))):
        raise invalid({named(path): [UNSTORABLE] for path in unstorable})
    return message


def _unstorable(message: Message, path: Path = ()) -> Iterator[Path]:
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING and "\0" in value:
            yield (*path, field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and field.is_repeated:
            for index, one in enumerate(value):
                yield from _unstorable(one, (*path, field.name, index))
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            yield from _unstorable(value, (*path, field.name))


def validated(schema: Schema, message: Message, without: str = "") -> Any:
    """What the schema makes of the fields that are set, except the one that is in the URL of the REST twin. Raises
    marshmallow's ValidationError."""
    values = _values(message)
    values.pop(without, None)
    return schema.load(values)


def _values(message: Message) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            values[field.name] = list(map(_values, value)) if field.is_repeated else _values(value)
        else:
            values[field.name] = value
    return values


def build(kind: type[MessageType], values: Mapping[str, Any] | object) -> MessageType:
    """A message of the values, or attributes, that have the names of its fields. None leaves a field unset."""
    return kind(**_picked(kind.DESCRIPTOR, values))


def _picked(descriptor: Any, values: Mapping[str, Any] | object) -> dict[str, Any]:
    of = values.get if isinstance(values, Mapping) else lambda name: getattr(values, name, None)
    picked = {}
    for name, inner, is_list in _fields(descriptor):
        value = of(name)
        if value is None:
            continue
        if inner is not None:
            value = [_picked(inner, one) for one in value] if is_list else _picked(inner, value)
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = value.isoformat()
        picked[name] = value
    return picked


@cache
def _fields(descriptor: Any) -> list[tuple[str, Any, bool]]:
    """Name, the type of a message whose fields are picked, and whether the field is a list."""
    found = []
    for field in descriptor.fields:
        inner = field.message_type
        if inner is not None and (inner.full_name in AS_IT_IS or inner.GetOptions().map_entry):
            inner = None
        found.append((field.name, inner, field.is_repeated))
    return found
