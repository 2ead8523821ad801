"""The AsyncAPI document: what other programs receive, generated from the declarations of the public events."""

import inspect
import json
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from models.core.events import PUBLIC_TYPES, DomainEvent
from settings import settings

DESCRIPTION = """Events of the shop, for other programs: as a feed (`GET /v1/events?after=0`), as server-sent events
(`GET /v1/events/stream`), as webhooks, and from the broker, where the routing key is the type. At least once, and in
order per subject. A later version of a type may add members to `data`; it removes none and changes no type of theirs
unless `version` changes."""
JSON_TYPES = {str: "string", int: "integer", bool: "boolean", NoneType: "null"}


@cache
def document() -> str:
    """The document as JSON."""
    made = {
        "asyncapi": "3.0.0",
        "info": {"title": "Shopflow events", "version": "1", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {name: _channel(name) for name in PUBLIC_TYPES},
        "operations": {
            name: {"action": "send", "channel": {"$ref": f"#/channels/{name}"}, "summary": _summary(event)}
            for name, event in PUBLIC_TYPES.items()
        },
        "components": {
            "messages": {name: _message(event) for name, event in PUBLIC_TYPES.items()},
            "schemas": {name: data_schema(event) for name, event in PUBLIC_TYPES.items()},
        },
    }
    return json.dumps(made)


def data_schema(event: type[DomainEvent]) -> dict[str, Any]:
    """The JSON schema of the `data` of a public event. It allows further members, which a later release may add."""
    members = {name: _member(hint) for name, hint in get_type_hints(event).items() if name in event.__annotations__}
    return {"type": "object", "description": _summary(event), "properties": members, "required": list(members)}


def envelope_schema(event: type[DomainEvent]) -> dict[str, Any]:
    """The JSON schema of a public event as other programs receive it."""
    members = {
        "id": {"type": "string", "pattern": "^evt_[0-9a-f]{32}$", "description": "The same whenever it is repeated"},
        "type": {"const": event.name},
        "version": {"const": event.version},
        "position": {"type": "integer", "minimum": 1, "description": "Position in the feed"},
        "subject": {"type": "string", "description": "Id of the affected object"},
        "timestamp": {"type": "string", "format": "date-time"},
        "data": {"$ref": f"#/components/schemas/{event.name}"},
    }
    return {"type": "object", "properties": members, "required": list(members)}


def _channel(name: str) -> dict[str, Any]:
    exchange = {"name": settings.events_exchange, "type": "topic", "durable": True, "vhost": "/"}
    return {
        "address": name,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange}},
    }


def _message(event: type[DomainEvent]) -> dict[str, Any]:
    return {
        "name": event.name,
        "summary": _summary(event),
        "contentType": "application/json",
        "payload": envelope_schema(event),
    }


def _summary(event: type[DomainEvent]) -> str:
    return inspect.cleandoc(event.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _member(hint: Any) -> dict[str, Any]:
    if get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": _member(get_args(hint)[1])}
    kinds = [JSON_TYPES[part] for part in get_args(hint) or (hint,)]
    return {"type": kinds[0] if len(kinds) == 1 else kinds}
