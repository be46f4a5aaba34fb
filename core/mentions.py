"""Files that a text mentions: ``@path``, or ``@"a path with spaces"``.

A word with an ``@`` is a mention if there is such a file. Where there is none it is text, like ``@dataclass`` or
``@handle``, unless it can hardly be meant otherwise: it is quoted, begins like a path or ends like a file's name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from brim.core.paths import expanded

MOST_MENTIONS = 200
"""Words with an ``@`` that are looked at in one text."""

_MENTION = re.compile(r"""(?:(?<=[\s(\[{])|(?<![\s\S]))@(?:"([^"\n]+)"|([^\s"]+))""")
_TYPED = re.compile(r"""(?:^|(?<=[\s(\[{]))@(?:"([^"\n]*)|([^\s"]*))$""")
_CLOSING = ".,;:!?)]}>'\"…"
_BEGINS = ("/", "~/", "./", "../")
_ENDING = re.compile(
    r".\.(?:png|jpe?g|gif|webp|pdf|txt|md|rst|csv|tsv|jsonl?|ya?ml|toml|xml|html|css|log|ipynb|"
    r"py|[jt]sx?|c|h|[ch]pp|cs|go|rs|java|kt|swift|rb|php|sh|sql|lua)$",
    re.IGNORECASE,
)
_LONGEST_PASTE = 20_000
_MOST_PASTED = 20


@dataclass(frozen=True, slots=True)
class Mention:
    """A word that may mean a file."""

    name: str
    """As it was written, without the ``@`` and the quotation marks."""
    is_meant: bool
    """Whether it is a mention even if there is no such file."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A mention that is being typed."""

    start: int
    """Where in the line its ``@`` stands."""
    folder: str
    """What was typed up to the last ``/`` and with it; empty for the working folder."""
    beginning: str
    """What was typed behind that."""


def mentions(text: str) -> Iterator[Mention]:
    """Yield the words of a text that may mean files, in order, each once."""
    seen: set[str] = set()
    for number, found in enumerate(_MENTION.finditer(text)):
        if number >= MOST_MENTIONS:
            return
        name = found[1] or found[2]
        if name not in seen:
            seen.add(name)
            yield Mention(name, found[1] is not None or _looks_like_a_path(name.rstrip(_CLOSING)))


def path_of(name: str, folder: Path) -> Path | None:
    """Return the file that a mention names, ``None`` where there is none. Asks the disk.

    What closes a sentence or a bracket behind it belongs to the name only if there is such a file. A bare word
    names no folder: it is too likely to be a word.
    """
    bare = name.rstrip(_CLOSING)
    if not bare.strip("/~."):
        return None
    for ending in range(len(name), max(1, len(bare)) - 1, -1):
        path = place_of(name[:ending], folder)
        try:
            if path.exists() and ("/" in name[:ending] or not path.is_dir()):
                return path
        except (OSError, ValueError):
            continue
    return None


def place_of(name: str, folder: Path) -> Path:
    """Return where a file of that name would be: ``~`` is the person's folder, all else is seen from ``folder``."""
    if name == "~" or name.startswith("~/"):
        return Path.home() / name[2:]
    return folder / name


def meant(name: str) -> str:
    """Return the name that a mention of no file is taken for: without what closes a sentence."""
    return name.rstrip(_CLOSING) or name


def mention_of(name: str, *, is_open: bool = False) -> str:
    """Return a name as a mention, in quotation marks where it needs them; an open one can be typed on."""
    if re.fullmatch(r"[^\s\"]+", name) and name.rstrip(_CLOSING) == name:
        return f"@{name}"
    return f'@"{name}' if is_open else f'@"{name}"'


def being_typed(line: str, column: int) -> Typed | None:
    """Return the mention that ends at ``column`` of a line, ``None`` where there is none."""
    found = _TYPED.search(line[:column])
    if found is None:
        return None
    name = found[1] if found[1] is not None else found[2]
    folder, slash, beginning = name.rpartition("/")
    return Typed(found.start(), folder + slash, beginning)


def pasted_files(text: str) -> list[str]:
    """Return the names of files if a paste consists of nothing else, as terminals make it of what is dropped.

    Known are plain paths, one a line; quoted or escaped as for a shell; and ``file:`` addresses. Only absolute
    paths of files that are there count. Asks the disk.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST_PASTE or not text.startswith(("/", "'", '"', "file:", "~/")):
        return []
    for parts in _ways_to_read(text):
        names = [_unfolded(part) for part in parts]
        if names and len(names) <= _MOST_PASTED and all(map(_is_file, names)):
            return names
    return []


def _ways_to_read(text: str) -> Iterator[list[str]]:
    yield [line.strip() for line in text.splitlines() if line.strip()]
    try:
        yield shlex.split(text)
    except ValueError:
        return


def _unfolded(part: str) -> str:
    if part.startswith("file:"):
        try:
            return unquote(urlsplit(part).path)
        except ValueError:
            return ""
    return part


def _is_file(name: str) -> bool:
    try:
        path = expanded(name)
        return path.is_absolute() and path.is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _looks_like_a_path(name: str) -> bool:
    if name.startswith(_BEGINS) and len(name) > 2:
        return True
    return _ENDING.search(name) is not None
