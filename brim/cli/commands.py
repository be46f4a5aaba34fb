"""The commands: their names, arguments and help. What they do is imported when one of them runs."""

from __future__ import annotations

import asyncio
import difflib
import re
from typing import TYPE_CHECKING, Any

import click

from brim._version import __version__
from brim.cli.edge import DONE, FAILED, INTERRUPTED, WRONG, complain
from brim.cli.own_commands import config, logs
from brim.cli.service_commands import keys, serve
from brim.cli.store_option import store_option
from brim.cli.tuning import parameter_options, persona_option

if TYPE_CHECKING:
    from brim.core.parameters import Parameters

_APP = "(app)"
_SESSION_HELP = "SESSION is an id, an unambiguous start of one, or `last`."

_model = click.option("--model", metavar="ID", help="The model, e.g. openai:gpt-4o, or its bare name.")
_agent = click.option("--agent", metavar="MODULE:CLASS", help="Your own agent.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


def _behind_store(args: list[str]) -> int:
    """Return the place of the first argument behind a ``--store`` at the beginning."""
    if args[:1] == ["--store"]:
        return min(2, len(args))
    return int(bool(args) and args[0].startswith("--store="))


class _Brim(click.Group):
    """A group whose first argument may be a session: then the app is opened with it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take arguments that begin with no command's name for the app's own."""
        at = _behind_store(args)
        if not args[at:] or (args[at] not in self.commands and args[at] not in ("--help", "-h", "--version")):
            args = [*args[:at], _APP, *args[at:]]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; the app is one without a name that could be typed."""
        return _open if cmd_name == _APP else super().get_command(ctx, cmd_name)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show how the app itself is opened."""
        del ctx
        return ["[--store URL] [SESSION] [--model ID] [--persona NAME] [--agent MODULE:CLASS] | COMMAND ..."]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the app's options with the group's own."""
        records = [
            record
            for parameter in (*_open.params, *self.get_params(ctx))
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)) is not None
        ]
        unique = list(dict(records).items())
        with formatter.section("Options"):
            formatter.write_dl(unique)
        self.format_commands(ctx, formatter)


@click.group(
    cls=_Brim,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=f"Chat with large language models in the terminal.\n\nWithout a command the app opens, with a new "
    f"session or the one named. {_SESSION_HELP}",
)
@click.version_option(__version__, message="brim %(version)s")
@store_option
def brim() -> None:
    """Hold the commands."""


@click.command(name=_APP)
@click.argument("session", required=False)
@_model
@persona_option
@_agent
@store_option
def _open(session: str | None, model: str | None, agent: str | None, persona: str | None) -> int:
    """Open the app."""
    if session is not None and persona is not None:
        raise click.UsageError("--persona begins a new session: leave SESSION out.")
    if session is not None and not _can_be_session(session):
        near = difflib.get_close_matches(session, brim.commands, n=1)
        hint = f"Did you mean `brim {near[0]}`?" if near else "`brim sessions` lists them."
        complain(f"There is no session {session!r}.", hint)
        return WRONG if near else FAILED
    from brim.cli.opening import open_app

    return open_app(session=session, model=model, agent=agent, persona=persona)


def _can_be_session(name: str) -> bool:
    """Whether a session can have this name. A mistyped command should not have to wait for the screen."""
    return name == "last" or re.fullmatch(r"[0-9a-f]{1,32}", name) is not None


@brim.command(help=f"Ask one question. What is piped in is added to it. {_SESSION_HELP}")
@click.argument("text", nargs=-1)
@_model
@click.option("--session", metavar="SESSION", help="Go on in this session.")
@click.option("--system", metavar="TEXT", help="The system prompt.")
@persona_option
@parameter_options
@_agent
@_json
@click.option(
    "--attach",
    metavar="FILE",
    multiple=True,
    help="A file that goes along: text, PDF, image. May be repeated.",
)
@click.option("--no-save", is_flag=True, help="Keep nothing of it.")
@click.option("--over-budget", is_flag=True, help="Send it although it may cost more than a budget has left.")
@click.option(
    "--cache/--no-cache",
    "cache",
    default=None,
    help="Answer the same request from what was kept, at temperature 0; or ask anew.",
)
@click.option(
    "--cleanup/--no-cleanup",
    "cleanup",
    default=None,
    help="Let old messages leave a full window, or send all of them.",
)
@store_option
def ask(
    text: tuple[str, ...],
    *,
    as_json: bool,
    no_save: bool,
    over_budget: bool,
    cleanup: bool | None,
    cache: bool | None,
    attach: tuple[str, ...],
    parameters: Parameters | None,
    **chosen: str | None,
) -> int:
    """Ask one question."""
    if no_save and chosen["session"] is not None:
        raise click.UsageError("--no-save and --session do not go together.")
    if no_save and cache:
        raise click.UsageError("--no-save and --cache do not go together.")
    from brim.cli import asking

    question = asking.read_text(text)
    if not question.strip() and not attach:
        raise click.UsageError("There is nothing to ask: give a text, or pipe one in.")
    return asking.ask(
        asking.Question(
            text=question,
            as_json=as_json,
            save=not no_save,
            over_budget=over_budget,
            cleanup=cleanup,
            cache=cache,
            typed=" ".join(text),
            attach=attach,
            parameters=parameters,
            **chosen,
        )
    )


@brim.group(invoke_without_command=True)
@_json
@click.option(
    "--limit", metavar="N", default=20, type=click.IntRange(min=1), help="How many; 20 if not given."
)
@click.option("--title", metavar="TEXT", default="", help="Those with TEXT in the title.")
@click.option(
    "--tag", "tags", metavar="TAG", multiple=True, help="Those with the tag, or with all if several."
)
@click.option("--model", metavar="TEXT", default="", help="Those with TEXT in the model's id.")
@click.option(
    "--shelf",
    type=click.Choice(["open", "archive", "bin"]),
    default="open",
    help="Which ones: open if not given.",
)
@click.pass_context
@store_option
def sessions(
    ctx: click.Context,
    /,
    *,
    limit: int,
    title: str,
    tags: tuple[str, ...],
    model: str,
    shelf: str,
    as_json: bool,
) -> int:
    """List sessions, newest first."""
    if ctx.invoked_subcommand is not None:
        return DONE
    from brim.cli import reading
    from brim.core.types import SessionFilter, Shelf

    only = SessionFilter(
        shelf=Shelf(shelf), title=title, tags=tuple(filter(None, tags)), models=tuple(filter(None, [model]))
    )
    return asyncio.run(reading.sessions(limit=limit, only=only, as_json=as_json))


@sessions.command()
@click.option(
    "--bin-days",
    metavar="N",
    default=30,
    type=click.IntRange(min=0),
    help="In the bin for N days; 30 if not given.",
)
@click.option(
    "--unused-days",
    metavar="N",
    type=click.IntRange(min=1),
    help="Also those unchanged for N days, but none that is pinned or tagged.",
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Say what would go, and delete nothing.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@store_option
def prune(bin_days: int, unused_days: int | None, is_dry: bool, is_sure: bool) -> int:
    """Delete old sessions for good."""
    from brim.cli import pruning

    return asyncio.run(
        pruning.prune(bin_days=bin_days, unused_days=unused_days, is_dry=is_dry, is_sure=is_sure)
    )


@brim.command(
    context_settings={"ignore_unknown_options": True},
    help='Search all that was ever said, best first.\n\nWords in any order, "words in quotes" in a row, word* for '
    "its beginning; narrowed down by model:, role:, tag:, after: and before: (2026-01 or 2026-01-15). A - leaves "
    "out what fits: -word, -tag:work.",
)
@click.argument("query", nargs=-1, required=True)
@_json
@click.option(
    "--limit", metavar="N", default=20, type=click.IntRange(min=1), help="How many hits; 20 if not given."
)
@store_option
def search(query: tuple[str, ...], limit: int, as_json: bool) -> int:
    """Search all messages."""
    from brim.cli import searching

    return asyncio.run(searching.search(" ".join(query), limit=limit, as_json=as_json))


@brim.command(help=f"Show one transcript. {_SESSION_HELP}")
@click.argument("session")
@_json
@click.option("--tree", "is_tree", is_flag=True, help="All branches, not only the one shown.")
@store_option
def show(session: str, is_tree: bool, as_json: bool) -> int:
    """Show one transcript."""
    from brim.cli import reading

    return asyncio.run(reading.show(session, is_tree=is_tree, as_json=as_json))


@brim.command(
    help="Export sessions as files. One session without -o goes to standard output; a folder gets one file "
    f"for each. Files that are there are kept unless you say --force. {_SESSION_HELP}"
)
@click.argument("session", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Every session.")
@click.option(
    "--only",
    metavar="FILTER",
    default="",
    help="Every session that fits, e.g. 'tag:work -model:gpt after:2026-01 is:open title words'.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["md", "json", "txt", "html"]),
    help="md if the file's name does not tell.",
)
@click.option("-o", "--output", "target", metavar="FILE_OR_DIR", help="Where to.")
@click.option("--force", "is_forced", is_flag=True, help="Overwrite files.")
@click.option(
    "--tree", "is_tree", is_flag=True, help="All branches, not only the one shown; JSON always has them."
)
@store_option
def export(session: tuple[str, ...], **wishes: Any) -> int:
    """Export sessions."""
    if wishes["target"] == "-":
        wishes["target"] = None
    wishes["is_all"] = wishes["is_all"] or bool(wishes["only"].strip())
    if bool(session) == wishes["is_all"]:
        raise click.UsageError("Name at least one SESSION, or say --all or --only, and not both.")
    if wishes["target"] is None and (wishes["is_all"] or len(session) > 1):
        raise click.UsageError("Several sessions need a folder: say -o DIR.")
    from brim.cli import exporting

    return asyncio.run(exporting.run(exporting.Wish(names=session, **wishes)))


@brim.command(
    name="import",
    help="Import conversations: the exports of ChatGPT and Claude (conversations.json or the whole zip), the logs.db "
    "of llm, and brim's own JSON (a file, a folder or a zip). Doing it again adds only what is new.",
)
@click.argument("file")
@click.option(
    "--from",
    "source",
    type=click.Choice(["chatgpt", "claude", "llm", "brim"]),
    help="Where FILE is from; found out if not given.",
)
@click.option("--dry-run", "is_rehearsal", is_flag=True, help="Say what would come, and keep nothing.")
@store_option
def import_(file: str, source: str | None, is_rehearsal: bool) -> int:
    """Import conversations."""
    from brim.cli import importing
    from brim.core.paths import expanded

    return asyncio.run(importing.run(expanded(file), source=source, is_rehearsal=is_rehearsal))


@brim.command()
@_json
@store_option
def models(as_json: bool) -> int:
    """List the models that can be used now, with windows and prices."""
    from brim.cli import reading

    return asyncio.run(reading.models(as_json=as_json))


@brim.command()
@_json
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(min=1, max=36_500),
    help="The last N days, today with them; all if not given.",
)
@store_option
def stats(days: int | None, as_json: bool) -> int:
    """Say what was used and spent, by model and day, and how well brim foresees the size of prompts."""
    from brim.cli import counting

    return asyncio.run(counting.stats(days=days, as_json=as_json))


@brim.command()
@_json
@store_option
def doctor(as_json: bool) -> int:
    """Say what works, what does not, and how to mend it."""
    from brim.cli.doctor import examine

    return asyncio.run(examine(as_json=as_json))


brim.add_command(config)
brim.add_command(logs)
brim.add_command(serve)
brim.add_command(keys)


def run(arguments: list[str]) -> int:
    """Run the command that ``arguments`` name and return its exit code."""
    try:
        # Not `brim.main`, which would end a closed pipe in its own way.
        with brim.make_context("brim", list(arguments)) as context:
            code: Any = brim.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "brim"
        complain(error.format_message(), f"`{where.replace(f' {_APP}', '')} --help` tells more.")
        return WRONG
    except click.ClickException as error:
        complain(error.format_message())
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else DONE
