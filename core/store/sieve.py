"""Which of the messages that may fit really do, and which of those are best."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from math import exp

from brim.core.folding import fold
from brim.core.search import Query, Term
from brim.core.store.rows import to_micros
from brim.core.types import now

SCORED_CHARS = 20_000
"""How much of a message's text is read."""

_RECENT_DAYS = 90.0
_DAY_MICROS = 86_400_000_000


class Sieve:
    """Takes messages in and keeps those that fit.

    Args:
        query: what is looked for.
    """

    def __init__(self, query: Query) -> None:
        self._wanted = query
        self._found: dict[int, tuple[int, str, list[int]]] = {}
        """When each message was made, its folded text, and how often each term is there; by number."""

    @property
    def count(self) -> int:
        """How many messages fit so far."""
        return len(self._found)

    def take(self, row: sqlite3.Row) -> None:
        """Keep a message if its text and its marks really fit."""
        query = self._wanted
        if (query.roles and row["role"] not in query.roles) or row["role"] in query.not_roles:
            return
        model = fold(row["model"] or "")
        if (query.models and not _is_one(query.models, model)) or _is_one(query.not_models, model):
            return
        folded = fold(row["content"])
        times = [len(term.pattern.findall(folded)) for term in query.terms]
        # What lies behind the part that is read is taken on trust.
        if row["chars"] > SCORED_CHARS or (all(times) and not query.excludes(folded)):
            self._found[row["number"]] = (row["created_at"], folded, times)

    def best(self) -> list[int]:
        """Return the numbers of what was found, best first."""
        average = sum(len(folded) for _, folded, _ in self._found.values()) / (len(self._found) or 1) or 1.0
        present = to_micros(now())
        scores = {}
        for number, (created_at, folded, times) in self._found.items():
            age_days = max(0, present - created_at) / _DAY_MICROS
            length = 0.3 + 0.9 * len(folded) / average
            scores[number] = 0.5 * exp(-age_days / _RECENT_DAYS) + sum(
                count / (count + length) + _exactness(term, folded)
                for term, count in zip(self._wanted.terms, times, strict=True)
            )
        return sorted(scores, key=lambda number: (scores[number], number), reverse=True)


def _exactness(term: Term, folded: str) -> float:
    """Return what it adds to the score that a term is there as it was typed. The rest of the score is as in BM25:
    less for each further time and in longer texts. How rare a word is does not matter, since all are there."""
    score = 0.25 if term.is_prefix and term.whole_pattern.search(folded) else 0.0
    return score + (0.5 if term.literal and term.literal in folded else 0.0)


def _is_one(models: Sequence[tuple[str, ...]], folded: str) -> bool:
    """Whether one of the wanted models is meant by a folded id."""
    return any(Term(wanted, is_prefix=True).pattern.search(folded) for wanted in models)
