"""What people type to search for, and what is found.

Words are looked for in any order, ``"words in quotes"`` and code such as ``std::vec`` in a row, ``word*`` as the
beginning of a word; ``-word`` must not be there. ``model:``, ``role:``, ``tag:``, ``after:`` and ``before:``
narrow it down, and ``-tag:`` and the like leave out what fits. Whatever else is typed is words: no text is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from typing import get_args

from brim.core.folding import WORD, FoldedText, composed, fold, pattern_of, words
from brim.core.types import Role

SNIPPET_CHARS = 160
"""How much of a message is shown around a hit, at most."""

_LEAD_CHARS = 40
_MOST_SPANS = 200
_ROLES: frozenset[str] = frozenset(get_args(Role))
_PIECES = re.compile(
    r"""(?P<minus>-?)(?:(?P<name>[a-z]+):)?(?:"(?P<quoted>[^"]*)(?P<closed>"?)|(?P<bare>[^\s"]+))?""",
    re.IGNORECASE,
)
_SYMBOL = re.compile(rf"[^{WORD}\s]")
_MOST_TERMS, _MOST_WORDS = 32, 64
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


@dataclass(frozen=True)
class Term:
    """A word, or several in a row, folded."""

    words: tuple[str, ...]
    is_prefix: bool = False
    """Whether the last word may go on."""
    literal: str = ""
    """What was typed, folded, where it is more than its words, such as ``c++``."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What finds it in folded text."""
        return pattern_of(self.words, is_prefix=self.is_prefix)

    @cached_property
    def whole_pattern(self) -> re.Pattern[str]:
        """What finds it in folded text where its last word does not go on."""
        return pattern_of(self.words, is_prefix=False)


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is looked for: every one of the terms, none of those excluded, and all filters."""

    terms: tuple[Term, ...] = ()
    excluded: tuple[Term, ...] = ()
    models: tuple[tuple[str, ...], ...] = ()
    """Words of model ids, folded, of which one must fit."""
    roles: tuple[str, ...] = ()
    """Of which one must fit."""
    tags: tuple[str, ...] = ()
    """Case-folded; the session must have all."""
    after: datetime | None = None
    """Messages from that moment on."""
    before: datetime | None = None
    """Messages before that moment."""
    not_models: tuple[tuple[str, ...], ...] = ()
    """As ``models``, of which none may fit."""
    not_roles: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    """Case-folded; the session must have none."""
    title: str = ""
    """The words that are looked for, as they were typed, for titles."""
    not_title: tuple[str, ...] = ()
    """The words that must not be there, as they were typed, for titles."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is looked for at all."""
        return not (self.terms or self.excluded or self.has_filters)

    @property
    def has_filters(self) -> bool:
        """Whether messages are left out whatever they say."""
        wanted = self.models or self.roles or self.tags or self.after or self.before
        return bool(wanted or self.not_models or self.not_roles or self.not_tags)

    def spans(self, folded: str) -> list[tuple[int, int]]:
        """Return where the terms are in folded text, in order, as far as it is worth."""
        found: list[tuple[int, int]] = []
        for term in self.terms:
            for number, hit in enumerate(term.pattern.finditer(folded)):
                if number == _MOST_SPANS:
                    break
                found.append(hit.span())
        return sorted(set(found))

    def excludes(self, folded: str) -> bool:
        """Whether folded text has one of the terms that must not be there."""
        return any(term.pattern.search(folded) for term in self.excluded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A message that was found."""

    session_id: str
    session_title: str
    is_archived: bool
    message_id: str
    role: Role
    model: str | None
    created_at: datetime
    snippet: str
    """What it says around the hit, in one line; raw text."""
    ranges: tuple[tuple[int, int], ...]
    """The places in the snippet where the terms are."""
    place: int
    """The character of the message's text where the first of them begins."""
    found: str
    """What stands there, as it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look found: the best of it, and where to go on."""

    hits: tuple[Hit, ...] = ()
    """Best first."""
    rest: tuple[int, ...] = ()
    """The numbers of the other messages that were found, best first."""
    next_number: int | None = None
    """The message before which older ones were not looked at; ``None`` where all were."""
    unindexed: int = 0
    """About how many messages cannot be found yet."""


def parse(text: str, *, as_typed: bool = False) -> Query:
    """Return what ``text`` looks for. ``as_typed`` takes its last word for the beginning of one."""
    reading = _Reading()
    end = len(text) if as_typed else -1
    for piece in _PIECES.finditer(text):
        if piece.group():
            reading.take(piece, is_open=piece.end() == end)
    return reading.query()


@dataclass(frozen=True, slots=True)
class _Marks:
    """Filters that were read, each once, in their order."""

    models: dict[tuple[str, ...], None] = field(default_factory=dict)
    roles: dict[str, None] = field(default_factory=dict)
    tags: dict[str, None] = field(default_factory=dict)


class _Reading:
    """A query that is being read."""

    def __init__(self) -> None:
        self._terms: dict[Term, None] = {}
        self._excluded: dict[Term, None] = {}
        self._wanted, self._unwanted = _Marks(), _Marks()
        self._after: list[datetime] = []
        self._before: list[datetime] = []
        self._title: list[str] = []
        self._not_title: list[str] = []

    def take(self, piece: re.Match[str], *, is_open: bool) -> None:
        """Take in a word, a phrase or a filter; it may go on if it ``is_open``."""
        name = (piece["name"] or "").lower()
        value = piece["quoted"] if piece["quoted"] is not None else piece["bare"] or ""
        if name and self._is_filter(name, value, is_wanted=not piece["minus"]):
            return
        typed = f"{piece['name']}:{value}" if name else value
        if typed and not piece["minus"]:
            self._title.append(typed)
        is_whole = bool(piece["closed"])
        found = tuple(words(typed)[:_MOST_WORDS])
        if not found or len(self._terms) + len(self._excluded) == _MOST_TERMS:
            return
        goes_on = is_open and typed[-1].isalnum() and not piece["minus"]
        if goes_on and len(found[-1]) == 1 and found[-1].isascii():
            goes_on = False  # a letter that begins many words finds nothing that is wanted
        literal = fold(typed.removesuffix("*"))
        term = Term(
            found,
            not is_whole and (typed.endswith("*") or goes_on),
            literal if _SYMBOL.search(literal) else "",
        )
        if piece["minus"]:
            self._excluded[term] = None
            self._not_title.append(typed)
        else:
            self._terms[term] = None

    def _is_filter(self, name: str, value: str, *, is_wanted: bool) -> bool:
        """Take in a filter; false where it is none. One without a value, which is being typed, filters nothing."""
        marks = self._wanted if is_wanted else self._unwanted
        match name:
            case "model" | "role" | "tag" | "after" | "before" if not value:
                pass
            case "model" if found := tuple(words(value)):
                marks.models[found] = None
            case "role" if value.lower() in _ROLES:
                marks.roles[value.lower()] = None
            case "tag":
                marks.tags[value.removeprefix("#").casefold()] = None
            case "after" | "before" if (moment := _moment(value)) is not None:
                (self._after if (name == "after") is is_wanted else self._before).append(moment)
            case _:
                return False
        return True

    def query(self) -> Query:
        """Return what was read."""
        return Query(
            terms=tuple(self._terms),
            excluded=tuple(self._excluded),
            models=tuple(self._wanted.models),
            roles=tuple(self._wanted.roles),
            tags=tuple(self._wanted.tags),
            not_models=tuple(self._unwanted.models),
            not_roles=tuple(self._unwanted.roles),
            not_tags=tuple(self._unwanted.tags),
            after=max(self._after, default=None),
            before=min(self._before, default=None),
            title=" ".join(self._title),
            not_title=tuple(self._not_title),
        )


def _moment(value: str) -> datetime | None:
    """Return when a year, a month or a day begins where the person is, ``None`` for what is none of them."""
    found = _DATE.fullmatch(value)
    if found is None or not value.isascii():
        return None
    try:
        day = date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
        return datetime.combine(day, time.min).astimezone() if 1970 < day.year < 9999 else None
    except (ValueError, OverflowError, OSError):
        return None


def excerpt(query: Query, text: str) -> tuple[str, tuple[tuple[int, int], ...], int, str]:
    """Return what a message says around its hits: the snippet, the hits in it, and the first one's place and text."""
    folded = FoldedText(composed(text))
    spans = [(folded.origin(start), folded.origin(end - 1) + 1) for start, end in query.spans(folded.folded)]
    text = composed(text)
    first = _best_start(spans)
    anchor = spans[first][0] if spans else 0
    start = _word_start(text, max(0, anchor - _LEAD_CHARS), anchor)
    end = min(len(text), start + SNIPPET_CHARS)
    inside = _merged((a, min(b, end)) for a, b in spans if start <= a < end)
    snippet, ranges = _in_one_line(text, start, end, inside)
    if not spans:
        return snippet, (), 0, ""
    return snippet, ranges, anchor, text[anchor : spans[first][1]]


def _best_start(spans: list[tuple[int, int]]) -> int:
    """Return the number of the span from which most others are near."""
    best, most, end = 0, 0, 0
    for number, (start, _) in enumerate(spans):
        end = max(end, number)
        while end < len(spans) and spans[end][1] <= start + SNIPPET_CHARS - _LEAD_CHARS:
            end += 1
        if end - number > most:
            best, most = number, end - number
    return best


def _word_start(text: str, start: int, anchor: int) -> int:
    """Return where the first whole word from ``start`` on begins."""
    if start == 0 or text[start - 1].isspace():
        return start
    gap = re.compile(r"\s").search(text, start, anchor)
    return start if gap is None else gap.end()


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _in_one_line(
    text: str, start: int, end: int, marked: list[tuple[int, int]]
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return a part of a text with every gap as one space, and the places of what is marked in it."""
    line = "… " if start > 0 and text[:start].strip() else ""
    ranges: list[tuple[int, int]] = []
    at = start
    for first, last in marked:
        line = _joined(line, text[at:first])
        begin = len(line)
        line = _joined(line, text[first:last])
        ranges.append((begin, len(line)))
        at = last
    line = _joined(line, text[at:end]).rstrip()
    return (f"{line} …" if text[end:].strip() else line), tuple(ranges)


def _joined(line: str, text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    return line + (text.lstrip() if not line or line.endswith(" ") else text)
