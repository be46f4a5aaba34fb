"""The commands of the service: names, arguments and help."""

from __future__ import annotations

from typing import Any

import click

from brim.cli.store_option import store_option


@click.command(help="Serve agents and sessions over HTTP. BRIM_SERVE_* in the environment sets the rest.")
@click.option("--host", metavar="ADDRESS", help="Where to listen; 127.0.0.1 if left out.")
@click.option("--port", type=click.IntRange(0, 65_535), help="8080 if left out; 0 takes a free one.")
@click.option("--model", metavar="ID", help="The model of new sessions.")
@click.option("--agent", metavar="MODULE:CLASS", help="Your own agent.")
@click.option(
    "--grace", "grace_s", type=click.FloatRange(0), metavar="SECONDS", help="For running turns at the end."
)
@click.option(
    "--origin", "origins", multiple=True, metavar="URL", help="A web page that may call the service."
)
@store_option
def serve(model: str | None, agent: str | None, **options: Any) -> int:
    """Serve agents and sessions over HTTP."""
    from brim.cli import serving

    return serving.serve(options, agent=agent, model=model)


@click.group(help="The keys of `brim serve`.")
def keys() -> None:
    """Hold the commands."""


@keys.command(name="add", help="Make a key and print it, this once.")
@click.argument("name")
@click.option("--requests-per-minute", type=click.IntRange(1), metavar="N")
@click.option("--tokens-per-day", type=click.IntRange(1), metavar="N")
@click.option("--concurrent-turns", type=click.IntRange(1), metavar="N")
def add_key(name: str, **limits: int | None) -> int:
    """Make a key."""
    from brim.cli import serving

    return serving.add_key(name, limits)


@keys.command(name="list", help="Print the names of the keys and their limits.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def list_keys(as_json: bool) -> int:
    """Print the keys."""
    from brim.cli import serving

    return serving.list_keys(as_json=as_json)


@keys.command(name="remove", help="Take a key away; its sessions stay.")
@click.argument("name")
def remove_key(name: str) -> int:
    """Take a key away."""
    from brim.cli import serving

    return serving.remove_key(name)
