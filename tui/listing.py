"""Which sessions are listed for what stands in the search line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brim.core.search import parse
from brim.core.types import SessionFilter, Shelf

if TYPE_CHECKING:
    from brim.core.types import Session

_SHELF = re.compile(r"(?<!\S)is:(\S*)", re.IGNORECASE)
_MODEL = re.compile(r'(?<!\S)model:"?([^\s"]*)"?', re.IGNORECASE)


def words_of(text: str) -> str:
    """Return what is typed without what only concerns the list: the rest is looked for in messages too."""
    return _SHELF.sub("", text).strip()


def filter_of(text: str) -> SessionFilter:
    """Return what is typed as a filter of the list.

    ``tag:``, ``model:`` and ``is:archived`` narrow it down, and what else is typed must stand in the title.
    """
    shelf = Shelf.OPEN
    if any(found.casefold() == "archived" for found in _SHELF.findall(text)):
        shelf = Shelf.ARCHIVE
    words = words_of(text)
    query = parse(words)
    models = [found for found in _MODEL.findall(words) if found]
    return SessionFilter(
        shelf=shelf,
        title=query.title if query.has_filters or models else words,
        tag=query.tag,
        model=models[0] if models else "",
        pinned_first=True,
    )


def fits(session: Session, text: str) -> bool:
    """Whether a session is among those that are listed for what is typed."""
    only = filter_of(text)
    is_on_shelf = session.deleted_at is None and session.archived == (only.shelf is Shelf.ARCHIVE)
    return (
        is_on_shelf
        and only.title.casefold() in session.title.casefold()
        and only.model.casefold() in (session.model or "").casefold()
        and (not only.tag or only.tag.casefold() in {tag.casefold() for tag in session.tags})
    )
