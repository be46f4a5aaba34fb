"""Searching everything that was ever said, page by page."""

from __future__ import annotations

from brim.core.search import Hit, Query, parse
from brim.core.store.protocol import SessionStore


class Search:
    """Finds messages; `SessionManager.searching` gives it.

    Args:
        store: where the messages are.
    """

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def look(self, text: str, *, as_typed: bool = False) -> Results:
        """Return the results of a search that has not begun. ``as_typed`` takes the last word for its beginning."""
        return Results(self._store, parse(text, as_typed=as_typed))


class Results:
    """What a search finds, best first among the newest few hundred, then the best of those before them.

    Args:
        store: where the messages are.
        query: what is looked for.
    """

    def __init__(self, store: SessionStore, query: Query) -> None:
        self._store = store
        self.query = query
        self.is_whole = query.is_empty
        """Whether all there is has been returned."""
        self.unindexed = 0
        """About how many messages could not be looked at yet."""
        self._rest: tuple[int, ...] = ()
        self._before: int | None = None
        self._known: set[str] = set()

    async def more(self, limit: int) -> list[Hit]:
        """Return the next hits, none where there are no more. A caller that is cancelled stops the search."""
        found: list[Hit] = []
        while len(found) < limit and not self.is_whole:
            found += self._new(await self._next(limit - len(found)))
        return found

    async def _next(self, limit: int) -> list[Hit]:
        if self._rest:
            hits = await self._store.hits(self.query, self._rest[:limit])
            self._rest = self._rest[limit:]
        else:
            page = await self._store.search(self.query, limit=limit, before=self._before)
            hits = list(page.hits)
            self._rest, self._before, self.unindexed = page.rest, page.next_number, page.unindexed
        self.is_whole = not self._rest and self._before is None
        return hits

    def _new(self, hits: list[Hit]) -> list[Hit]:
        """Return the hits that were not returned before: a message may be written to while it is looked for."""
        new = [hit for hit in hits if hit.message_id not in self._known]
        self._known.update(hit.message_id for hit in new)
        return new
