"""Searches with slips: other spellings, out of the words of titles, authors and categories.

PostgreSQL compares words exactly (its extension pg_trgm is not everywhere). Only a search without any hit comes here.
"""

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA
from sqlalchemy.exc import SQLAlchemyError

from models.core import readonly

log = logging.getLogger(__name__)

MAX_WORDS = 200_000
"""Words that a process keeps, the most frequent ones; about 15 MB."""
NEWEST = 300_000
"""Products whose words are read, the newest ones."""
SHARE = 0.01
"""The part of its time that a process spends at most on reading the words again."""
COMPARING_SHARE, COMPARING_BURST = 0.2, 2.0
"""The part of its time that a process spends at most on comparing words, and the seconds that it may spend at once."""
MOST_ASKED = 8
"""Longer searches are not corrected."""
PER_WORD = 4
"""Spellings that are considered for each word."""

# As one text: 100,000 rows would take as long again.
_WORDS = f"""
    SELECT string_agg(word, ' ' ORDER BY ndoc DESC, word) AS words FROM (
        SELECT word COLLATE "C" AS word, ndoc FROM ts_stat(
            'SELECT names FROM catalogue.product WHERE deleted_at IS NULL ORDER BY id DESC LIMIT {NEWEST}'
        ) ORDER BY ndoc DESC, word LIMIT {MAX_WORDS}
    ) AS frequent
"""  # noqa: S608, constants only


class Spelling(NamedTuple):
    """A spelling of a word: how many slips away, and its place among the most frequent words."""

    slips: float
    place: int
    word: str


@dataclass(frozen=True)
class Vocabulary:
    """The words of the catalogue, the most frequent first, and by letters. `read_at`, `took`: in seconds."""

    words: Sequence[str]
    sorted_words: Sequence[str]
    read_at: float
    took: float

    @property
    def is_due(self) -> bool:
        """Whether it is time to read the words again."""
        return time.monotonic() - self.read_at > self.took / SHARE

    def has(self, word: str, *, begun: bool) -> bool:
        """Whether a product has the word, or, if it is only begun, one that begins with it."""
        at = bisect_left(self.sorted_words, word)
        found = self.sorted_words[at] if at < len(self.sorted_words) else ""
        return found.startswith(word) if begun else found == word

    def spellings(self, word: str, *, begun: bool) -> list[Spelling]:
        """The words that may be meant, the most likely first; the word itself, if products have it."""
        known = [Spelling(0, 0, word)] if self.has(word, begun=begun) else []
        if any(character.isdigit() for character in word):
            return known or [Spelling(0, 0, word)]  # a year or an item number is not a slip of another one
        similar = process.extract(word, self.words, scorer=OSA.distance, score_cutoff=_slips(word), limit=PER_WORD)
        return known + [Spelling(slips, place, other) for other, slips, place in similar if other != word]


class _Kept:
    """The vocabulary of this process."""

    def __init__(self) -> None:
        self.vocabulary: Vocabulary | None = None
        self.reading = threading.Lock()

    def get(self) -> Vocabulary:
        """The vocabulary. Only the first search waits for it: later, a thread reads it again when it is due."""
        kept = self.vocabulary
        if kept is None:
            with self.reading:
                if self.vocabulary is None:
                    self.vocabulary = _read()
                return self.vocabulary
        if kept.is_due and self.reading.acquire(blocking=False):
            threading.Thread(target=self._renew, name="vocabulary", daemon=True).start()
        return kept

    def _renew(self) -> None:
        try:
            self.vocabulary = _read()
        except SQLAlchemyError:
            log.warning("The words of the catalogue could not be read; the old ones stay.", exc_info=True)
        finally:
            self.reading.release()


@dataclass
class _Budget:
    """Seconds of computing, which accrue over time. Strangers search: with a large catalogue, long searches without
    hits would otherwise take the whole process."""

    left: float = COMPARING_BURST
    at: float = 0.0

    def is_spent(self) -> bool:
        """Whether nothing is left for now."""
        now = time.monotonic()
        self.left = min(self.left + (now - self.at) * COMPARING_SHARE, COMPARING_BURST)
        self.at = now
        return self.left <= 0

    def spend(self, seconds: float) -> None:
        """Takes what a search has taken; the one that exceeds it is not interrupted."""
        self.left -= seconds


_kept, _budget = _Kept(), _Budget()


def forget() -> None:
    """Makes the next search with a slip read the words again."""
    _kept.vocabulary = None


def suggest(q: str) -> Iterator[str]:
    """Other spellings of a search that has no hits, the most likely first. Whether they have hits is not known.

    None, if this process has just compared so many words that other requests would wait for it.

    As in a search, the last word may be just a beginning. Each word has at most one slip if it has three to five
    letters, two if it has more: a letter that is missing, added or another one, or two that are swapped.
    """
    [row] = readonly.rows("SELECT catalogue.plain(%(q)s) AS plain", {"q": q}, plan_each=False)
    asked = row.plain.split()
    if not 0 < len(asked) <= MOST_ASKED:
        return
    vocabulary = _kept.get()
    if _budget.is_spent():
        return
    began, last = time.thread_time(), len(asked) - 1
    choices = [vocabulary.spellings(word, begun=place == last) for place, word in enumerate(asked)]
    _budget.spend(time.thread_time() - began)
    if not all(choices):
        return
    best = [found[0] for found in choices]
    tried = [best] + [
        [*best[:place], other, *best[place + 1 :]] for place, found in enumerate(choices) for other in found[1:]
    ]
    for words in sorted(tried, key=_cost):
        spelled = " ".join(word for _slips, _place, word in words)
        if spelled != " ".join(asked):
            yield spelled


def _cost(words: Sequence[Spelling]) -> tuple[float, int]:
    return sum(word.slips for word in words), sum(word.place for word in words)


def _slips(word: str) -> int:
    """How many slips a word may have, as in the fuzziness AUTO of Elasticsearch."""
    return 0 if len(word) < 3 else 1 if len(word) < 6 else 2


def _read() -> Vocabulary:
    began = time.monotonic()
    words = (readonly.rows(_WORDS, {}, plan_each=False)[0].words or "").split()
    read_at = time.monotonic()
    return Vocabulary(words, sorted(words), read_at, read_at - began)
