"""The language of templates: Liquid, reduced to what a message needs, and limited.

A template can read the values of its context and nothing else. It is limited in its size, its nesting, its work and its
output, so that one that loops without end is refused.

A template renders to Markdown in which each value is a mark, such as `\\ue0003\\ue001`. The values replace the marks
afterwards: as they are in the text, and escaped in the HTML. So a value is never taken for Markdown or HTML.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, TextIO, TypeVar

from liquid import BoundTemplate, Environment, RenderContext, StrictUndefined
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import LiquidError, LoopIterationLimitError, OutputStreamLimitError
from liquid.stringify import to_liquid_string
from liquid.token import Token

from models.notifications import formats
from models.notifications.formats import Link

MAX_SOURCE = 20_000  # characters
MAX_OUTPUT = 100_000  # characters
MAX_LOOPS = 2_000  # iterations; in nested loops, those of the inner one
MAX_LOOKUPS = 20_000  # of names; an order of 1,000 lines takes 2,000

TAGS = ("assign", "break", "case", "comment", "content", "continue", "for", "if", "illegal", "output", "unless", "#")
FILTERS = (
    "append", "capitalize", "default", "divided_by", "downcase", "first", "join", "last", "minus", "plus", "prepend",
    "size", "strip", "times", "truncate", "upcase",
)  # fmt: skip
"""Of Liquid's own tags and filters. The others could multiply text, include files, or print what is not marked."""

MARK = re.compile("\ue000(\\d+)\ue001")

Made = TypeVar("Made")

Marked = tuple[str, list[str | Link]]
"""Markdown with marks, and the values that belong there."""


class TemplateError(Exception):
    """A template that cannot be compiled or rendered. `line`: from 1; None if the fault is not in one line."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason, self.line = reason, line


class _Context(RenderContext):
    """Counts the look-ups of names, which bounds the time that a template takes."""

    __slots__ = ("lookups",)

    def get(self, path: list[object], *, token: Token | None, **options: Any) -> object:
        self.lookups = getattr(self, "lookups", 0) + 1
        if self.lookups > MAX_LOOKUPS:
            raise LoopIterationLimitError("the template takes too long", token=token)
        return super().get(path, token=token, **options)


_any_range = RangeLiteral._make_range


def _make_range(self: RangeLiteral, start: Any, stop: Any) -> range:
    """A range that is no longer than a loop may be: filters such as `join` make a list of it."""
    made = _any_range(self, start, stop)
    if made.stop - made.start > MAX_LOOPS:
        raise LoopIterationLimitError("loop iteration limit reached by a range", token=None)
    return made


RangeLiteral._make_range = _make_range  # type: ignore[method-assign]  # the library has no limit of its own


class _Template(BoundTemplate):
    context_class = _Context


class _MarkNode(OutputNode):
    """Prints a mark for its value."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        values: list[str | Link] = context.tag_namespace.setdefault("values", [])
        values.append(value if isinstance(value, Link) else to_liquid_string(value, False))
        return buffer.write(f"\ue000{len(values) - 1}\ue001")


class _MarkTag(Output):
    node_class = _MarkNode


class _Environment(Environment):
    template_class = _Template
    block_nesting_limit = 10
    loop_iteration_limit = MAX_LOOPS
    output_stream_limit = MAX_OUTPUT
    local_namespace_limit = MAX_OUTPUT

    def error(self, exc: Any, msg: str | None = None, token: Token | None = None) -> None:
        """Raises an error at the tag in which the end of an expression was unexpected, which has no place itself."""
        if token is not None and isinstance(exc, LiquidError) and exc.token is not None and exc.token.start_index < 0:
            exc.token = token
        super().error(exc, msg, token)


@cache
def _environment(language: str) -> Environment:
    made = _Environment(undefined=StrictUndefined)
    made.add_tag(_MarkTag)
    made.tags = {name: tag for name, tag in made.tags.items() if name in TAGS}
    made.filters = {name: each for name, each in made.filters.items() if name in FILTERS}
    for name, each in formats.filters(language).items():
        made.add_filter(name, each)
    return made


class Template:
    """A compiled template, for readers of one language. Raises TemplateError."""

    def __init__(self, source: str, language: str) -> None:
        if len(source) > MAX_SOURCE:
            raise TemplateError(f"the template is longer than {MAX_SOURCE} characters")
        last_line = source.count("\n") + 1  # at which the end of a block is missing
        self._bound = _guarded(lambda: _environment(language).from_string(source), last_line)

    def render(self, context: Mapping[str, object]) -> Marked:
        """Renders the template. Raises TemplateError."""
        return _guarded(lambda: self._render(context))

    def names(self) -> set[str]:
        """The names that the template takes from its context."""
        return set(self._bound.analyze().globals)

    def _render(self, context: Mapping[str, object]) -> Marked:
        rendering = self._bound.context_class(self._bound, globals=context)
        buffer = self._bound._get_buffer()
        self._bound.render_with_context(rendering, buffer)
        values: list[str | Link] = rendering.tag_namespace.get("values", [])
        source = buffer.getvalue()
        if len(source) + sum(len(value) for value in values if isinstance(value, str)) > MAX_OUTPUT:
            raise OutputStreamLimitError("the result is too long", token=None)
        return _tidy(source), values


def _tidy(source: str) -> str:
    """Leaves out the blank lines that tags leave behind: at the ends, and where there are several."""
    lines = [line.rstrip() for line in source.splitlines()]
    kept = [line for before, line in pairwise(["", *lines]) if line or before]
    return "\n".join(kept).strip("\n")


def _guarded(work: Callable[[], Made], line: int | None = None) -> Made:
    try:
        return work()
    except LiquidError as error:
        place = error.context()
        raise TemplateError(str(error.message), place[0] if place else line) from error
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:  # in filters
        raise TemplateError(f"{type(error).__name__}: {error}") from error
