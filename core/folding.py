"""Text as search compares it: letter case and accents aside, and scripts without spaces cut into characters."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

WORD = r"0-9a-z\x80-\U0010ffff"
"""The characters of words in folded text, for a character class. FTS5's ``ascii`` tokenizer cuts there too."""

_WORDS = re.compile(f"[{WORD}]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")

_ACCENT = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670]")
"""Of Latin, Greek, Cyrillic, Hebrew and Arabic; in other scripts a mark makes another letter."""

# Scripts that put no space between words: there each character is a word, and a word is a phrase.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x4DBF),  # radicals, kana, bopomofo, ideographs
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7FF),  # Hangul syllables
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


class _Table(dict[int, str]):
    """What each character becomes, found out when it first comes."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


def _fold_character(character: str) -> str:
    parts = unicodedata.normalize("NFKD", character).casefold().lower()
    bare = "".join(part for part in parts if not _ACCENT.match(part))
    return "".join(map(_placed, unicodedata.normalize("NFC", bare)))


def _placed(character: str) -> str:
    """Return a folded character; one that stands alone between spaces, one of no word as a space."""
    if character < "\x80":
        return character
    is_letter = character.isalnum() or unicodedata.category(character) in ("Mn", "Mc", "Co")
    code = ord(character)
    if is_letter and any(first <= code <= last for first, last in _UNSPACED):
        return f" {character} "
    return character if is_letter else " "


_TABLE = _Table()


def fold(text: str) -> str:
    """Return text as it is compared. Where words begin and end is told by `WORD`.

    Text whose accents are characters of their own is the same as text whose accents are not.
    """
    if text.isascii():
        return text.lower()
    return _FOREIGN.sub(lambda found: found.group().translate(_TABLE), composed(text)).lower()


def composed(text: str) -> str:
    """Return text with its accents on the letters; places in folded text are places in this."""
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def words(text: str) -> list[str]:
    """Return the words of text as they are compared."""
    return _WORDS.findall(fold(text))


class FoldedText:
    """Folded text that knows where it comes from.

    Args:
        text: the text, `composed`.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._foreign: list[tuple[int, int, int]] = []
        """Where each run outside of ASCII begins in the folded text, begins in the text, and ends in it."""
        self.folded = fold(text)
        grown = 0
        for found in () if text.isascii() else _FOREIGN.finditer(text):
            self._foreign.append((found.start() + grown, found.start(), found.end()))
            grown += len(found.group().translate(_TABLE).lower()) - len(found.group())

    def origin(self, place: int) -> int:
        """Return the place in the text of a place in the folded text."""
        number = bisect_right(self._foreign, place, key=lambda run: run[0]) - 1
        if number < 0:
            return place
        at, start, end = self._foreign[number]
        for character in range(start, end):
            width = len(self._text[character].translate(_TABLE).lower())
            if at <= place < at + width:
                return character
            at += width
        return end + place - at


def pattern_of(term: tuple[str, ...], *, is_prefix: bool) -> re.Pattern[str]:
    """Return what finds a word, or several in a row, in folded text; a prefix may go on at its end."""
    # The first word stands before the look behind it, which makes looking for it five times as fast.
    first, *others = map(re.escape, term)
    more = "".join(f"[^{WORD}]+{word}" for word in others)
    end = "" if is_prefix else f"(?![{WORD}])"
    return re.compile(f"{first}(?<![{WORD}]{first}){more}{end}")
