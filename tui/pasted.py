"""Long pasted text, kept beside the composer so that a key press never waits for it to be wrapped."""

from __future__ import annotations

import re
from pathlib import Path

LONGEST_CHARS = 50_000
"""A paste of more characters than this is kept aside; inserting fewer takes about a frame."""
LONGEST_LINE_CHARS = 4_000
"""The same for a single line, which is wrapped again with each key."""

_READABLE_CHARS = 200
"""At each end of a long text of which nobody knows what was pasted."""
_WORTH_CHARS = 500
_MOST_EARLIER = 8

_MARK = re.compile(r"⟦paste (\d+) · [\d,]+ characters⟧")


def marks(line: str) -> list[tuple[int, int]]:
    """Return where the marks of pastes stand in a line: the beginning and the end of each."""
    return [found.span() for found in _MARK.finditer(line)] if "⟦" in line else []


def typed(text: str) -> str:
    """Return what a person can have meant by ``text`` from a clipboard or a file: no control characters."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c in "\n\t" or not _is_control(c))


def _is_control(character: str) -> bool:
    code = ord(character)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000


def is_long(text: str) -> bool:
    """Whether ``text`` would make the composer slow."""
    if len(text) > LONGEST_CHARS:
        return True
    return len(text) > LONGEST_LINE_CHARS and max(map(len, text.split("\n"))) > LONGEST_LINE_CHARS


def may_be_files(text: str) -> bool:
    """Whether a paste may consist of files' names, by its beginning."""
    return text.lstrip()[:1] in ("/", "'", '"', "~") or text.lstrip().startswith("file:")


def as_mentions(text: str, folder: Path) -> str:
    """Return a paste of files' names as mentions of them, empty where it is something else. Asks the disk.

    It is that, too, where one of the names has a quotation mark, which no mention can hold.

    Files in ``folder`` are named as seen from there.
    """
    from brim.core.mentions import mention_of, pasted_files

    here = f"{folder}/"
    names = pasted_files(text)
    if any('"' in name for name in names):
        return ""
    return "".join(f"{mention_of(name.removeprefix(here))} " for name in names)


class Pasted:
    """The long texts of one composer and the marks that stand for them."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._earlier: list[str] = []
        """Pastes that were there before, the newest last: a draft that comes back may hold them."""

    def mark(self, text: str) -> str:
        """Keep a paste and return the mark that stands for it; short text is returned as it is."""
        self._remember(text)
        return self._marked(text) if is_long(text) else text

    def fold(self, text: str) -> str:
        """Return a whole draft with marks for what is long in it.

        What was pasted is folded as it was. Of other long texts some words stay at both ends, to be read and edited.
        """
        if not is_long(text):
            return text
        for paste in sorted(filter(is_long, (*self._texts, *self._earlier)), key=len, reverse=True):
            before, found, after = text.partition(paste)
            if found:
                return self.fold(before) + self._marked(paste) + self.fold(after)
        head = text[: max(map(text[:_READABLE_CHARS].rfind, " \n")) + 1]
        rest = text[len(head) :]
        end = rest[-_READABLE_CHARS:]
        gaps = [at for at in map(end.find, " \n") if at >= 0]
        tail = end[min(gaps) :] if gaps else ""
        return head + self._marked(rest[: len(rest) - len(tail)]) + tail

    def apart(self, text: str) -> tuple[str, str, str] | None:
        """Return the largest paste in a draft, between what stands before and behind it; ``None`` without one."""
        pastes = [paste for paste in (*self._texts, *self._earlier) if paste in text]
        if not pastes:
            return None
        before, paste, after = text.partition(max(pastes, key=len))
        return before, paste, after

    def whole(self, text: str) -> str:
        """Return ``text`` with every mark replaced by what it stands for."""
        return _MARK.sub(self._found, text) if self._texts else text

    def _marked(self, text: str) -> str:
        if text not in self._texts:
            self._texts.append(text)
        number = self._texts.index(text) + 1
        return f"⟦paste {number} · {len(text):,} characters⟧"

    def _remember(self, text: str) -> None:
        if len(text) >= _WORTH_CHARS:
            self._earlier = [*(each for each in self._earlier if each != text), text][-_MOST_EARLIER:]

    def _found(self, match: re.Match[str]) -> str:
        number = int(match[1])
        return self._texts[number - 1] if 1 <= number <= len(self._texts) else match[0]

    def clear(self) -> None:
        """Forget all marks: nothing stands for a text any more."""
        self._texts.clear()
