"""``brim sessions``, ``brim show`` and ``brim models``: what there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from brim.cli.data import stored
from brim.cli.edge import DONE, complain
from brim.cli.output import dollars, local_time, write, write_json, write_table
from brim.core.abilities import abilities_of
from brim.core.export.branches import canonical
from brim.core.export.gauge import context_document
from brim.core.export.plain import to_text
from brim.core.paths import Paths
from brim.core.types import ALL_OPEN, Message, ModelInfo, Session, SessionFilter

if TYPE_CHECKING:
    from brim.core.sessions import SessionManager

_ID_CHARS = 8
_GAP = ("",) * 6
"""The line between the models of one provider and those of the next."""


@asynccontextmanager
async def opened() -> AsyncIterator[SessionManager]:
    """Open the data, with the agents, for the length of a command."""
    from brim.cli import assembly

    manager = await assembly.connect(Paths.find(), warn=complain)
    try:
        yield manager
    finally:
        await manager.aclose()


async def sessions(*, limit: int, only: SessionFilter, as_json: bool) -> int:
    """List the newest sessions of those that ``only`` leaves."""
    async with stored() as store:
        found = await store.list_sessions(limit=limit, only=only)
        total = await store.count_sessions() if only == ALL_OPEN else 0
    if as_json:
        write_json([session_document(session) for session in found])
    elif not found:
        write("No sessions yet. Start one with: brim" if only == ALL_OPEN else "No session fits that.")
    else:
        head = ("ID", "Changed", "Messages", "Tokens", "Cost", "Model", "Title")
        write_table(head, [_row(session) for session in found])
        if total > len(found):
            complain(f"{len(found)} of {total:,} sessions; --limit shows more.")
    return DONE


async def show(name: str, *, is_tree: bool = False, as_json: bool) -> int:
    """Show one transcript: the branch that is shown, or all of them where ``is_tree``."""
    async with opened() as manager:
        session = await manager.find_session(name)
        messages = await (manager.branches.tree(session.id) if is_tree else manager.transcript(session.id))
        context = await manager.context_usage(session.id)
    if as_json:
        write_json(
            {
                "session": session_document(session),
                "context": context_document(context),
                "messages": [
                    message_document(message) for message in (canonical(messages) if is_tree else messages)
                ],
            }
        )
        return DONE
    write(to_text(session, messages, context).rstrip("\n"))
    return DONE


async def models(*, as_json: bool) -> int:
    """List the models that can be named."""
    async with opened() as manager:
        found = await manager.models()
        default = await manager.default_model()
    if as_json:
        write_json([_model_document(model, default) for model in found])
        return DONE
    head = ("Model", "Window", "Input $/M", "Output $/M", "Abilities", "Now")
    groups = groupby(found, key=_group_of)
    rows = [row for _, group in groups for row in (*(_model_row(model, default) for model in group), _GAP)]
    write_table(head, rows[:-1])
    if default is None:
        complain("No model can be used now; `brim doctor` says what is missing.")
    return DONE


def session_document(session: Session) -> dict[str, Any]:
    """Return a session as JSON tells it; ``cost_usd`` is null where no turn has a known price."""
    return {
        "id": session.id,
        "title": session.title,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "model": session.model,
        "system_prompt": session.system_prompt,
        "persona": session.persona,
        "parameters": session.parameters.given(),
        "head_id": session.head_id,
        "messages": session.messages,
        "tokens": session.tokens,
        "cost_usd": _cost(session),
        "turns": session.turns,
        "priced_turns": session.priced_turns,
        "cache_saved_usd": session.cache_saved_usd if session.priced_turns else None,
        "pinned": session.pinned,
        "archived": session.archived,
        "deleted_at": session.deleted_at,
        "tags": list(session.tags),
        "forked_from": session.forked_from,
    }


def message_document(message: Message) -> dict[str, Any]:
    """Return a message as JSON tells it."""
    money = {"cost_usd": message.cost_usd, "cache_saved_usd": message.cache_saved_usd}
    return message.model_dump(mode="json", exclude={"session_id", *money}) | money


def _cost(session: Session) -> Decimal | None:
    return None if session.turns and not session.priced_turns else session.cost_usd


def _row(session: Session) -> tuple[str, ...]:
    return (
        session.id[:_ID_CHARS],
        local_time(session.updated_at),
        f"{session.messages:,}",
        f"{session.tokens:,}",
        dollars(_cost(session)),
        session.model or "–",
        session.display_title,
    )


def _model_document(model: ModelInfo, default: str | None) -> dict[str, Any]:
    return {
        "id": model.id,
        "provider": model.id.partition(":")[0],
        "is_default": model.id == default,
        "is_available": not model.unavailable,
        "unavailable": model.unavailable or None,
        "origin": model.origin or None,
        "window_tokens": model.window_tokens,
        "max_input_tokens": model.max_input_tokens,
        "max_output_tokens": model.max_output_tokens,
        "input_usd_per_million": model.input_usd_per_million,
        "output_usd_per_million": model.output_usd_per_million,
        "abilities": sorted(abilities_of(model.id)),
    }


def _group_of(model: ModelInfo) -> tuple[str, bool]:
    """Return what models stand together by; lines for whole providers are one group."""
    provider, _, name = model.id.partition(":")
    return "" if name == "*" else provider, bool(model.unavailable)


def _model_row(model: ModelInfo, default: str | None) -> tuple[str, ...]:
    prices = (model.input_usd_per_million, model.output_usd_per_million)
    now = "default" if model.id == default else "yes"
    return (
        model.id,
        "?" if model.window_tokens is None else f"{model.window_tokens:,}",
        *("–" if price is None else f"{price.normalize():f}" for price in prices),
        " ".join(sorted(abilities_of(model.id))),
        model.unavailable or (f"{now}, from {model.origin}" if model.origin else now),
    )
