"""The commands on brim itself: its settings and its log."""

from __future__ import annotations

import click

from brim.cli.edge import DONE

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


@click.group(invoke_without_command=True)
@click.pass_context
def config(ctx: click.Context) -> int:
    """Show and change settings."""
    if ctx.invoked_subcommand is not None:
        return DONE
    from brim.cli import configuring

    return configuring.show(as_json=False)


@config.command(name="show")
@_json
def show_config(as_json: bool) -> int:
    """Show every setting and where its value comes from."""
    from brim.cli import configuring

    return configuring.show(as_json=as_json)


@config.command(name="path")
def config_path() -> int:
    """Print the path of config.toml."""
    from brim.cli import configuring

    return configuring.path()


@config.command(name="set", context_settings={"ignore_unknown_options": True})
@click.argument("key")
@click.argument("value")
def set_config(key: str, value: str) -> int:
    """Set KEY in config.toml to VALUE; an empty VALUE takes it out, and - reads it from standard input."""
    from brim.cli import configuring

    return configuring.set_value(key, value)


@click.command(help="Show the log: what was asked of whom, what it took, and what went wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print the entries as they are, a JSON object a line.")
@click.option(
    "--limit", metavar="N", default=50, type=click.IntRange(min=1), help="The last N entries; 50 if not given."
)
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl+C.")
@click.option("--session", metavar="ID", default="", help="Those of a session; the start of its id will do.")
@click.option(
    "--level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="debug",
    help="Those of this level and above.",
)
@click.option("--text", metavar="TEXT", default="", help="Those with TEXT in them.")
def logs(limit: int, follow: bool, session: str, level: str, text: str, as_json: bool) -> int:
    """Show the log."""
    from brim.cli import logging_out
    from brim.core.log_lines import LogFilter

    only = LogFilter(level=level, session=session, text=text)
    return logging_out.show(only, limit=limit, follows=follow, as_json=as_json)
