"""Sessions as files: Markdown, JSON, plain text and HTML."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Literal, get_args

from brim.core.context import ContextUsage
from brim.core.types import Message, Session

Format = Literal["md", "json", "txt", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)

CARRYING_FILES: tuple[Format, ...] = ("json", "html")
"""The formats that hold what is in the attachments; the others name them."""

_MOST_BYTES = 120
"""Of the words of the title in a name; file systems allow 255 in all, encrypted ones as few as 143."""
_SHORT_ID = 8


def export(
    session: Session,
    messages: Sequence[Message],
    file_format: Format,
    *,
    context: ContextUsage | None = None,
) -> str:
    """Return a session as the text of a file.

    Args:
        session: the session and its totals; its head names the branch shown.
        messages: those of the branch shown, or of the whole tree; for the formats that carry files with their data.
        file_format: ``md``, ``json``, ``txt`` or ``html``.
        context: what fills the window now, as the meter shows it; ``None`` leaves it out.
    """
    match file_format:
        case "md":
            from brim.core.export.markdown import to_markdown as write
        case "json":
            from brim.core.export.jsondoc import to_json as write
        case "txt":
            from brim.core.export.plain import to_text as write
        case "html":
            from brim.core.export.html import to_html as write
    return write(session, messages, context)


def file_name(session: Session, file_format: Format, taken: Collection[str] = ()) -> str:
    """Return a name for the file that every file system takes: words of the title and the start of the id.

    Args:
        session: the session.
        file_format: the ending.
        taken: names that are given away, case-folded; a number sets it apart from them.
    """
    plain = unicodedata.normalize("NFKC", session.title)
    words = re.sub(r"[^\w]+", "-", plain, flags=re.UNICODE).strip("-_").lower()
    cut = words.encode("utf-8", "ignore")[:_MOST_BYTES].decode("utf-8", "ignore").strip("-_")
    start = re.sub(r"[^0-9A-Za-z]", "", session.id)[:_SHORT_ID].lower()
    stem = f"{cut or 'session'}-{start or 'session'}"
    name, number = f"{stem}.{file_format}", 2
    while name.casefold() in taken:
        name, number = f"{stem}-{number}.{file_format}", number + 1
    return name
