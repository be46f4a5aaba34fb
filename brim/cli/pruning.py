"""``brim sessions prune``: what has been in the bin for long, and what nobody has touched for longer."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from brim.cli.edge import DONE, WRONG, complain
from brim.cli.output import local_time, write, write_table
from brim.cli.reading import opened

_ID_CHARS = 8


async def prune(*, bin_days: int, unused_days: int | None, is_dry: bool, is_sure: bool) -> int:
    """Delete for good what is old, after asking.

    Args:
        bin_days: what has been in the bin for longer goes, in days.
        unused_days: open and archived sessions unchanged for longer go too, in days, but none that is pinned
            or tagged; ``None`` leaves them all.
        is_dry: say what would go, and delete nothing.
        is_sure: do not ask.
    """
    async with opened() as manager:
        going = await manager.library.in_bin(timedelta(days=bin_days))
        if unused_days is not None:
            going += await manager.library.unchanged_for(timedelta(days=unused_days))
        if not going:
            write("Nothing is that old.")
            return DONE
        head = ("ID", "Changed", "Messages", "Title")
        write_table(
            head,
            [(s.id[:_ID_CHARS], local_time(s.updated_at), f"{s.messages:,}", s.display_title) for s in going],
        )
        count = f"{len(going):,} session{'s' if len(going) > 1 else ''}"
        if is_dry:
            write(f"{count} would be deleted for good.")
            return DONE
        if not is_sure:
            if not sys.stdin.isatty():
                complain("Nothing was deleted: say --yes where nobody can be asked.")
                return WRONG
            if not click.confirm(f"Delete {count} for good?", err=True):
                complain("Nothing was deleted.")
                return DONE
        erased = await manager.library.erase([session.id for session in going])
    write(f"{erased:,} session{'s' if erased != 1 else ''} deleted for good.")
    return DONE
