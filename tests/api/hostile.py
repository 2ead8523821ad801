"""Hostile JSON bodies: each shape has about the size that is asked for, in bytes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

Shape = Callable[[int], str]

SHAPES: dict[str, Shape] = {
    "NULs under a long key": lambda size: json.dumps({"k" * (size // 2): ["\0"] * (size // 16)}),
    "NULs in many fields": lambda size: json.dumps({f"f{number}": "\0" for number in range(size // 20)}),
    "unpaired surrogates": lambda size: json.dumps({"k": ["\ud800"] * (size // 10)}),
    "names that cannot be stored": lambda size: json.dumps({f"\0{number}": 1 for number in range(size // 16)}),
    "many unknown fields": lambda size: json.dumps({f"f{number}": number for number in range(size // 14)}),
    "a long unknown field": lambda size: json.dumps({"é" * (size // 6): 1}),
    "the same field again and again": lambda size: "{" + ",".join(['"lines":[]'] * (size // 11)) + "}",
    "deep lists": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "deep objects": lambda size: '{"a":' * (size // 6) + "1" + "}" * (size // 6),
    "deep to the limit, again and again": lambda size: json.dumps([nested(30, "\0")] * (size // 40)),
    "a long list": lambda size: json.dumps([{}] * (size // 4)),
    "a long text": lambda size: json.dumps("\x01" * (size // 6)),
    "a long number": lambda size: "1" * size,
    "a long fraction": lambda size: f"0.{'1' * size}",
    "long numbers": lambda size: json.dumps({"lines": [int("9" * 90)] * (size // 92)}),
    "a huge exponent": lambda size: '{"quantity": 1e999999}',
    "no JSON": lambda size: "{" * size,
    "not UTF-8": lambda size: '"\udcff' + "a" * size,
}
"""By name. Bodies are encoded with `surrogateescape`, so that one can be invalid UTF-8."""

VALUES: dict[str, Callable[[int], object]] = {
    "a long list of nothing": lambda size: [None] * (size // 6),
    "a long list of objects": lambda size: [{"x": "y"}] * (size // 12),
    "a long list of lists": lambda size: [[]] * (size // 4),
    "a long object": lambda size: {f"{number}": {} for number in range(size // 12)},
    "a long text": lambda size: "é" * (size // 6),
    "a text of control characters": lambda size: "\x01" * (size // 6),
    "NUL": lambda size: "\0",
    "a big number": lambda size: 10**60,
    "a negative number": lambda size: -(10**60),
    "a float": lambda size: 1.5e300,
    "nothing": lambda size: None,
    "a flag": lambda size: True,
    "nested": lambda size: nested(30, "x"),
}
"""What stands in the place of one value of a valid body, by name."""


def nested(depth: int, value: object) -> object:
    for _ in range(depth):
        value = [value]
    return value


def spoiled(body: Any, value: object) -> Iterator[Any]:
    """Copies of a body in each of which one value, at any depth, is another one."""
    yield value
    inside = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, inner in inside:
        for changed in spoiled(inner, value):
            copy = body.copy()
            copy[name] = changed
            yield copy
