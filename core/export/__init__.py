"""Sessions as files: Markdown, JSON and plain text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from brim.core.context import ContextUsage
from brim.core.export.jsondoc import to_json
from brim.core.export.markdown import to_markdown
from brim.core.export.plain import to_text
from brim.core.types import Message, Session

Format = Literal["md", "json", "txt"]
FORMATS: tuple[Format, ...] = get_args(Format)

_WRITERS: dict[Format, Callable[[Session, Sequence[Message], ContextUsage | None], str]] = {
    "md": to_markdown,
    "json": to_json,
    "txt": to_text,
}
_LONGEST_NAME = 60
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
        session: the session and its totals.
        messages: its messages, in the order of the conversation.
        file_format: ``md``, ``json`` or ``txt``.
        context: what fills the window now, as the meter shows it; ``None`` leaves it out.
    """
    return _WRITERS[file_format](session, messages, context)


def file_name(session: Session, file_format: Format) -> str:
    """Return a name for the file that every file system takes: words of the title and the start of the id."""
    plain = unicodedata.normalize("NFKC", session.title)
    words = re.sub(r"[^\w]+", "-", plain, flags=re.UNICODE).strip("-_").lower()
    # 60 characters of any script stay below the 255 bytes that file systems allow.
    return f"{words[:_LONGEST_NAME].strip('-_') or 'session'}-{session.id[:_SHORT_ID]}.{file_format}"
