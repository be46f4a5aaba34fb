"""Which sessions are listed for what is typed: the language of search, as far as it concerns whole sessions."""

from __future__ import annotations

import re

from brim.core.search import parse
from brim.core.types import Session, SessionFilter, Shelf

_SHELF = re.compile(r"(?<!\S)is:(\S*)", re.IGNORECASE)
_MODEL = re.compile(r'(?<!\S)(-?)model:"?([^\s"]*)"?', re.IGNORECASE)


def words_of(text: str) -> str:
    """Return what is typed without what only concerns the list: the rest is looked for in messages too."""
    return _SHELF.sub("", text).strip()


def shelf_of(text: str) -> Shelf | None:
    """Return which sessions ``is:open`` or ``is:archived`` asks for, ``None`` where nothing does."""
    named = {found.casefold() for found in _SHELF.findall(text)}
    if "archived" in named:
        return Shelf.ARCHIVE
    return Shelf.OPEN if "open" in named else None


def filter_of(text: str) -> SessionFilter:
    """Return what is typed as a filter of the list.

    ``tag:``, ``model:``, ``after:``, ``before:`` and ``is:archived`` narrow it down, and what else is typed must
    stand in the title; with a ``-`` in front it must not. ``role:`` is for messages alone.
    """
    words = words_of(text)
    query = parse(words)
    models = [(minus, name) for minus, name in _MODEL.findall(words) if name]
    return SessionFilter(
        shelf=shelf_of(text) or Shelf.OPEN,
        title=query.title,
        tags=query.tags,
        models=tuple(name for minus, name in models if not minus),
        after=query.after,
        before=query.before,
        not_title=query.not_title,
        not_tags=query.not_tags,
        not_models=tuple(name for minus, name in models if minus),
    )


def fits(session: Session, only: SessionFilter) -> bool:
    """Whether a session is among those that are listed."""
    shelf = Shelf.ARCHIVE if session.archived else Shelf.OPEN
    title, model = session.title.casefold(), (session.model or "").casefold()
    tags = {tag.casefold() for tag in session.tags}
    return (
        only.shelf is (Shelf.BIN if session.deleted_at is not None else shelf)
        and only.title.casefold() in title
        and not any(each.casefold() in title for each in only.not_title)
        and tags.issuperset(tag.casefold() for tag in only.tags)
        and tags.isdisjoint(tag.casefold() for tag in only.not_tags)
        and (not only.models or any(each.casefold() in model for each in only.models))
        and not any(each.casefold() in model for each in only.not_models)
        and (only.after is None or session.updated_at >= only.after)
        and (only.before is None or session.created_at < only.before)
    )
