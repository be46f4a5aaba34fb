"""Which sessions the pane lists for what stands in its search line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from brim.core import listing
from brim.core.listing import words_of

if TYPE_CHECKING:
    from brim.core.types import Session, SessionFilter

__all__ = ["filter_of", "fits", "words_of"]


def filter_of(text: str) -> SessionFilter:
    """Return what is typed as a filter of the list, those pinned at its top."""
    return replace(listing.filter_of(text), pinned_first=True)


def fits(session: Session, text: str) -> bool:
    """Whether a session is among those that are listed for what is typed."""
    return listing.fits(session, listing.filter_of(text))
