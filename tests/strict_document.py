"""The OpenAPI document as strict as the API is, for tests.

Code generators make a type of each schema that is beside another one. So the document that is served has one schema of
all problems, and says in members of its own which codes a response can have, and of which fields one must be given.
"""

import json
from typing import Any

from api.docs.openapi import EXACTLY_ONE, operations
from api.docs.problems import CODES, PROBLEM
from api.http.fields import Line

WITH_TAGS = r"\ufff9-\uffff"
"""In a pattern of `Line`: what stands before the characters that the document leaves out."""


def strict(document: str) -> dict[str, Any]:
    """The document with JSON Schema in place of our own members, and without references to responses."""
    found: dict[str, Any] = json.loads(document)
    for *_, operation in operations(found):
        responses = operation["responses"]
        for status, response in responses.items():
            responses[status] = response = resolve(response, found)
            if CODES in response:
                problem = response["content"][PROBLEM]
                only = {"type": "object", "properties": {"code": {"enum": response[CODES]}}}
                problem["schema"] = {"allOf": [problem["schema"], only]}
    _restore(found)
    return found


def resolve(part: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """A copy of the part of the document, or of the component that it refers to."""
    if "$ref" in part:
        _, _, kind, name = part["$ref"].split("/")
        part = document["components"][kind][name]
    copy: dict[str, Any] = json.loads(json.dumps(part))
    return copy


def _restore(part: Any) -> None:
    """Restores, in place, `oneOf` of mutually exclusive fields, and the complete patterns of `Line`."""
    if isinstance(part, dict):
        if EXACTLY_ONE in part:
            part["oneOf"] = [{"required": [field]} for field in part.pop(EXACTLY_ONE)]
        if isinstance(part.get("pattern"), str):
            part["pattern"] = part["pattern"].replace(WITH_TAGS, WITH_TAGS + Line.TAGS)
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _restore(inner)
