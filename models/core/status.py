"""Statuses: which of them may follow which, for each kind of thing that has one, and the one way to change it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.core.errors import Conflict


class HasStatus(Protocol):
    """A row with a status."""

    status: str


@dataclass(frozen=True)
class Transitions:
    """The statuses of one kind of thing, each with those that may follow it. `name` is what people call the thing."""

    name: str
    following: Mapping[str, tuple[str, ...]]

    @property
    def statuses(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self.following)

    def preceding(self, new: str) -> tuple[str, ...]:
        """The statuses from which a thing may become `new`."""
        return tuple(status for status, following in self.following.items() if new in following)

    def move(self, row: HasStatus, new: str) -> None:
        """Gives the row, which the caller has locked, a new status. Raises Conflict `wrong_state`."""
        self.check(row.status, new)
        row.status = new

    def check(self, current: str, new: str) -> None:
        """Raises Conflict `wrong_state` unless `new` may follow."""
        if new not in self.following[current]:
            raise self.refusal(current)

    def refusal(self, current: str) -> Conflict:
        """The refusal of what a thing can't become from its `current` status; it names what the thing can become."""
        possible = self.following[current]
        rest = f"it can become {_either(possible)}" if possible else "that is final"
        detail = f"This {self.name} is {_in_words(current)}; {rest}."
        return Conflict(detail, code="wrong_state", current=current, possible=list(possible))

    @property
    def constraint(self) -> str:
        """For a CHECK constraint: the column `status` holds one of them."""
        return _is_one_of(self.statuses)

    def may_become(self, new: str) -> str:
        """For the WHERE of an UPDATE: the row has a status that `new` may follow."""
        return _is_one_of(self.preceding(new))


def _is_one_of(statuses: Sequence[str]) -> str:
    listed = ", ".join(f"'{status}'" for status in statuses)
    return f"status IN ({listed})"


def _either(statuses: Sequence[str]) -> str:
    *others, last = map(_in_words, statuses)
    return f"{', '.join(others)} or {last}" if others else last


def _in_words(status: str) -> str:
    return status.replace("_", " ")
