"""``brim search``: what was said in any session, best first, with the hit in context."""

from __future__ import annotations

import textwrap
import time
from typing import Any

from brim.cli.data import stored
from brim.cli.edge import DONE, WRONG, complain
from brim.cli.output import local_time, put, styled, write_json
from brim.cli.pipe import Progress
from brim.core.search import Hit
from brim.core.searching import Results, Search
from brim.core.store.protocol import SessionStore
from brim.core.text import visible_line

_PATIENCE_S = 5.0
"""How long a search waits for messages that are not known to it yet, in seconds."""
_STRETCH_S = 0.1
_ID_CHARS = 8
_WIDTH = 100


async def search(text: str, *, limit: int, as_json: bool) -> int:
    """Search all messages for ``text``."""
    async with stored() as store:
        results = Search(store).look(text)
        if results.query.is_empty:
            complain("There is nothing to search for in that.", "Give a word, or a filter such as role:user.")
            return WRONG
        await _catch_up(store)
        hits = await results.more(limit)
    if as_json:
        write_json([hit_document(hit) for hit in hits])
    else:
        _write_hits(hits)
    _complain(results, len(hits))
    return DONE


async def _catch_up(store: SessionStore) -> None:
    """Let messages be found that were imported, or stored by an older brim, a moment ago."""
    began = time.monotonic()
    line = Progress()
    while await store.index(_STRETCH_S) and (waited_s := time.monotonic() - began) < _PATIENCE_S:
        line.show(f"Reading what is new to search: {waited_s:.0f} of at most {_PATIENCE_S:.0f} s")
    line.show("")


def hit_document(hit: Hit) -> dict[str, Any]:
    """Return a hit as JSON tells it; ``ranges`` are places in ``snippet``, first and behind the last character."""
    return {
        "session_id": hit.session_id,
        "title": hit.session_title,
        "archived": hit.is_archived,
        "message_id": hit.message_id,
        "role": hit.role,
        "model": hit.model,
        "created_at": hit.created_at,
        "snippet": hit.snippet,
        "ranges": [list(found) for found in hit.ranges],
        "place": hit.place,
    }


def _write_hits(hits: list[Hit]) -> None:
    """Write hits under the titles of their sessions, in the order of their best."""
    sessions: dict[str, list[Hit]] = {}
    for hit in hits:
        sessions.setdefault(hit.session_id, []).append(hit)
    for number, (session_id, said) in enumerate(sessions.items()):
        title = visible_line(said[0].session_title) or "Untitled"
        put(
            f"{chr(10) if number else ''}{styled(title, bold=True)}  {styled(session_id[:_ID_CHARS], dim=True)}"
        )
        for hit in said:
            who = visible_line(hit.model or hit.role) if hit.role == "assistant" else hit.role
            put(f"  {styled(f'{local_time(hit.created_at)}  {who}', dim=True)}")
            put(textwrap.indent("\n".join(_lines(hit)), "    "))


def _lines(hit: Hit) -> list[str]:
    """Return the snippet in lines, with the hits marked where there is colour."""
    text = visible_line(hit.snippet)
    lines = []
    at = 0
    for line in textwrap.wrap(text, _WIDTH - 4, drop_whitespace=False) or [""]:
        lines.append(_marked(line, [(start - at, end - at) for start, end in hit.ranges]).strip())
        at += len(line)
    return lines


def _marked(line: str, ranges: list[tuple[int, int]]) -> str:
    pieces = []
    at = 0
    for start, end in ((max(0, start), min(len(line), end)) for start, end in ranges):
        if start < end:
            pieces += [styled(line[at:start]), styled(line[start:end], fg="yellow", bold=True)]
            at = end
    return "".join([*pieces, styled(line[at:])])


def _complain(results: Results, count: int) -> None:
    if not count:
        complain("Nothing was found.")
    elif not results.is_whole:
        complain(f"The best {count}; --limit shows more.")
    if results.unindexed:
        complain(
            f"About {results.unindexed:,} messages are not known to search yet; it goes on with the next."
        )
