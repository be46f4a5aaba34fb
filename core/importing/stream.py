"""Reading a long list of JSON values one at a time, whatever the size of the file, and past what is broken.

A value is decoded where it begins in the text read so far. Only when that fails is it looked for where it ends,
by its brackets, so a value is decoded once unless it lies across the end of what has been read.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from brim.core.importing.items import Position, Problem

CHUNK = 1 << 20
"""Bytes read at a time, at least."""

LARGEST = 1 << 28
"""Characters of one value; a longer one is given up, since its end may be missing."""

_DECODE = json.JSONDecoder().raw_decode
_BLANK = re.compile(r"[\s,]*")
_MARK = re.compile(r'["{}\[\]]')
_OPENING = "{["
_SLACK = 16
"""An error this near to the end of what has been read may be of text that is not there yet."""
_LONGEST_BEGINNING = 200


@dataclass(frozen=True, slots=True)
class Value:
    """One value and its number, counted from 1."""

    number: int
    value: Any


class Values:
    """The values of a list, of lines, or a single one.

    Args:
        stream: the bytes, UTF-8.
        position: told how much has been read.
        begins: names of the keys with which a value may begin, to find one after something broken.
        fits: tells whether something found there is such a value.
    """

    def __init__(
        self,
        stream: IO[bytes],
        position: Position,
        *,
        begins: Sequence[str],
        fits: Callable[[Any], bool],
    ) -> None:
        self._stream = stream
        self._position = position
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._at = 0
        self._is_over = False
        self._begins = list(begins)
        self._fits = fits
        self._number = 0

    def __iter__(self) -> Iterator[Value | Problem]:
        self._skip_blank()
        if self._text[self._at : self._at + 1] == "[":
            self._at += 1
        is_lost = False
        while True:
            self._skip_blank()
            if self._at >= len(self._text) or (self._text[self._at] == "]" and not is_lost):
                return
            found = self._next()
            fits = isinstance(found, Value) and self._fits(found.value)
            if is_lost and not fits:
                self._find_next()
                continue
            is_lost = isinstance(found, Problem)
            if isinstance(found, Value) and fits and isinstance(found.value, dict):
                self._learn(next(iter(found.value), ""))
            yield found
            if is_lost:
                self._find_next()

    def _learn(self, key: str) -> None:
        if key and key not in self._begins:
            self._begins.append(key)

    def _read(self) -> None:
        """Read as much again as is held, at least a chunk; what has been used is dropped."""
        self._text = self._text[self._at :]
        self._at = 0
        data = self._stream.read(max(CHUNK, len(self._text)))
        self._position.done += len(data)
        self._is_over = not data
        self._text += self._decoder.decode(data, final=not data)

    def _skip_blank(self) -> None:
        while True:
            match = _BLANK.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text) or self._is_over:
                return
            self._read()

    def _next(self) -> Value | Problem:
        """Return what begins here, and go behind it; where it is broken, stay."""
        number = self._number = self._number + 1
        value, why, is_whole = self._decoded()
        if why and not is_whole:
            if self._end() is not None:
                value, why, _ = self._decoded()
            elif self._is_over:
                why = "the file ends in the middle of it"
            else:
                why = "it is too long, or its end is missing"
        if why:
            return Problem(f"item {number}", why)
        return Value(number, value)

    def _decoded(self) -> tuple[Any, str, bool]:
        """Return the value that begins here, going behind it; or why there is none, and whether that is for good."""
        try:
            value, self._at = _DECODE(self._text, self._at)
        except json.JSONDecodeError as error:
            is_for_good = error.pos < len(self._text) - _SLACK and not error.msg.startswith("Unterminated")
            why = f"it is not JSON ({error.msg} after {error.pos - self._at:,} characters)"
            return None, why, is_for_good
        except RecursionError:
            return None, "it is nested too deeply", True
        except ValueError:
            return None, "it holds a number of too many digits", True
        return value, "", True

    def _end(self) -> int | None:
        """Return where the value that begins here ends by its brackets, having read that far; ``None`` if nowhere."""
        at, depth = self._at, 0
        while True:
            match = _MARK.search(self._text, at)
            if match is None:
                at = len(self._text)
            elif (mark := match.group()) == '"':
                close = self._close(match.end())
                at = match.start() if close is None else close
                if close is not None:
                    continue
            else:
                depth += 1 if mark in _OPENING else -1
                at = match.end()
                if depth <= 0:
                    return at if depth == 0 else at - 1
                continue
            if self._is_over or len(self._text) - self._at > LARGEST:
                return None
            at -= self._at
            self._read()

    def _close(self, start: int) -> int | None:
        """Return the place behind the quotation mark that ends a string; ``None`` where it is not there yet."""
        while (quote := self._text.find('"', start)) >= 0:
            before = quote
            while before > start and self._text[before - 1] == "\\":
                before -= 1
            if (quote - before) % 2 == 0:
                return quote + 1
            start = quote + 1
        return None

    def _find_next(self) -> None:
        """Go from something broken to the next place where a value may begin, or to the end."""
        keys = "|".join(map(re.escape, self._begins))
        candidate = re.compile(rf'[,\[]\s*(?=\{{\s*"(?:{keys})"\s*:)')
        at = self._at + 1
        while True:
            while match := candidate.search(self._text, at):
                at = match.end()
                try:
                    value, _ = _DECODE(self._text, at)
                except (ValueError, RecursionError):
                    if self._is_over or at < len(self._text) - CHUNK:
                        continue
                else:
                    if not self._fits(value):
                        continue
                self._at = at
                return
            self._at = len(self._text) if self._is_over else max(at, len(self._text) - _LONGEST_BEGINNING)
            if self._is_over:
                return
            self._read()
            at = self._at
