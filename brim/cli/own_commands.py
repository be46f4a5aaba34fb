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


@config.command(
    name="set",
    context_settings={"ignore_unknown_options": True},
    help="Set KEY in config.toml to VALUE. KEY is a setting, or a provider's field such as "
    "providers.work.base_url. An empty VALUE takes it out. With - it is read from standard input, which is the "
    "one way for a key.",
)
@click.argument("key")
@click.argument("value")
@click.option(
    "--keep",
    "keeper",
    type=click.Choice(["config", "file", "keyring"]),
    help="Where providers.NAME.api_key goes: config.toml, a file of its own, the system keyring.",
)
def set_config(key: str, value: str, keeper: str | None) -> int:
    """Set a value."""
    from brim.cli import configuring

    return configuring.set_value(key, value, keeper=keeper)


@config.command(name="unset")
@click.argument("key")
def unset_config(key: str) -> int:
    """Take KEY out of config.toml: a setting, a provider's field, or providers.NAME with all there is of it."""
    from brim.cli import configuring

    return configuring.unset(key)


@click.command(help="Show the log: what was asked of whom, what it took, and what went wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print the entries as they are, a JSON object a line.")
@click.option(
    "--limit",
    metavar="N",
    default=50,
    type=click.IntRange(min=1),
    help="The last N entries; 50 if not given.",
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
def logs(*, limit: int, follow: bool, as_json: bool, **only: str) -> int:
    """Show the log."""
    from brim.cli import log_showing
    from brim.core.log_lines import LogFilter

    return log_showing.show(LogFilter(**only), limit=limit, follows=follow, as_json=as_json)
