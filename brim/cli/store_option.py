"""``--store``, which stands before a command or among its options."""

from __future__ import annotations

import click

_KEY = "brim.store"


def _note(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta[_KEY] = value


store_option = click.option(
    "--store",
    metavar="URL",
    expose_value=False,
    callback=_note,
    help="Where the sessions are: sqlite:///FILE, postgresql://USER@HOST/DATABASE or redis://HOST/NUMBER.",
)


def chosen_store() -> dict[str, str]:
    """Return the setting that ``--store`` makes, for the command that runs; nothing where it was not given."""
    context = click.get_current_context(silent=True)
    url = None if context is None else context.meta.get(_KEY)
    return {} if url is None else {"store": url}
