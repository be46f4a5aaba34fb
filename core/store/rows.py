"""Between the models and the rows of the data file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from brim.core.attachments import Attachment
from brim.core.parameters import Parameters
from brim.core.types import (
    Carried,
    CleanupReceipt,
    ContextRow,
    Failure,
    Message,
    PromptParts,
    QueuedPrompt,
    Session,
    Status,
    ToolCall,
)
from brim.core.usage import Usage

OPENING_CHARS = 120
"""How much of its text a message shows in the list of what the model sees."""

MOST_TOKENS = 10**12
"""No count is kept larger, so that sums of what servers claim stay far from what an integer of SQLite holds."""
MOST_PICOS = 2**63 - 1
NO_PARAMETERS = Parameters()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PICO = Decimal("1e-12")


def to_micros(moment: datetime) -> int:
    """Return a moment as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """Return microseconds since 1970 as a moment in UTC."""
    return _EPOCH + value * _MICROSECOND


def to_picos(usd: Decimal) -> int:
    """Return an amount of USD as whole picodollars, as far as an integer of SQLite holds them."""
    return max(-MOST_PICOS, min(int((usd / _PICO).to_integral_value()), MOST_PICOS))


def from_picos(value: int) -> Decimal:
    """Return picodollars as USD, without trailing zeros."""
    usd = (value * _PICO).normalize()
    return usd if usd.as_tuple().exponent <= 0 else usd.quantize(Decimal(1))  # type: ignore[operator]  # finite


def count(value: int) -> int:
    """Return a count of tokens as it is kept."""
    return max(0, min(value, MOST_TOKENS))


def storable(text: str) -> str:
    """Return ``text`` as UTF-8 can hold it: lone surrogates, which JSON can smuggle in, become question marks."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def title_key(title: str) -> str:
    """Return a title, or a part of one, as titles are compared: letter case aside."""
    return storable(title).casefold()


def session_values(session: Session) -> dict[str, Any]:
    """Return a session as column → value."""
    values: dict[str, Any] = {
        "cost": to_picos(session.cost_usd),
        "cache_saved": to_picos(session.cache_saved_usd),
    }
    for name, value in session:
        if name not in values and name not in ("cost_usd", "cache_saved_usd"):
            values |= session_value(name, value)
    return values


def session_value(name: str, value: Any) -> dict[str, Any]:
    """Return one field of a session as column → value."""
    if name.endswith("_at") and value is not None:
        return {name: to_micros(value)}
    if name == "tags":
        return {name: storable(json.dumps(value, ensure_ascii=False))}
    if name == "queued":
        return {name: queue_to_json(value)}
    if name == "parameters":
        return {name: storable(json.dumps(value.given(), ensure_ascii=False))}
    if name == "title":
        return {name: storable(value), "title_key": title_key(value)}
    if name == "tokens" or name.endswith("_tokens"):
        return {name: count(value)}
    return {name: storable(value) if isinstance(value, str) else value}


def session_of(row: sqlite3.Row) -> Session:
    """Return the session of a row."""
    return Session.model_construct(
        id=row["id"],
        title=row["title"],
        model=row["model"],
        system_prompt=row["system_prompt"],
        created_at=from_micros(row["created_at"]),
        updated_at=from_micros(row["updated_at"]),
        head_id=row["head_id"],
        messages=row["messages"],
        tokens=row["tokens"],
        cost_usd=from_picos(row["cost"]),
        turns=row["turns"],
        priced_turns=row["priced_turns"],
        window_tokens=row["window_tokens"],
        pinned_tokens=row["pinned_tokens"],
        summary_id=row["summary_id"],
        summary_tokens=row["summary_tokens"],
        turn_tokens=row["turn_tokens"],
        cache_saved_usd=from_picos(row["cache_saved"]),
        draft=row["draft"],
        queued=queue_from_json(row["queued"]),
        deleted_at=None if row["deleted_at"] is None else from_micros(row["deleted_at"]),
        forked_from=row["forked_from"],
        pinned=bool(row["pinned"]),
        archived=bool(row["archived"]),
        tags=tuple(json.loads(row["tags"])),
        parameters=parameters_of(row["parameters"]),
        persona=row["persona"],
        owner=row["owner"],
    )


def message_values(message: Message) -> dict[str, Any]:
    """Return a message as column → value, without ``writer``."""
    values: dict[str, Any] = {
        "id": message.id,
        "session_id": message.session_id,
        "parent_id": message.parent_id,
        "role": message.role,
        "status": message.status.value,
        "created_at": to_micros(message.created_at),
        "chars": len(message.content),
        "lines": message.content.count("\n") + 1,
        "tokens": None if message.tokens is None else count(message.tokens),
        "tokens_estimated": message.tokens_estimated,
        "in_window": message.in_window,
        "pinned": message.pinned,
        "left_out": message.left_out,
        "shortened_chars": message.shortened_chars,
        "model": message.model,
        "finish_reason": message.finish_reason,
        "first_token_s": message.first_token_s,
        "duration_s": message.duration_s,
        "cost": None if message.cost_usd is None else to_picos(message.cost_usd),
        "cache_saved": None if message.cache_saved_usd is None else to_picos(message.cache_saved_usd),
        "usage": None if message.usage is None else json.dumps(asdict(kept_usage(message.usage))),
        "prompt_parts": None if message.prompt_parts is None else to_json(message.prompt_parts),
        "opening": message.content[:OPENING_CHARS],
        "failure": None if message.failure is None else to_json(message.failure),
        "tool_calls": calls_to_json(message.tool_calls),
        "attachments": attachments_to_json(message.attachments),
        "carried": None if message.carried is None else to_json(message.carried),
        "from_cache": message.from_cache,
        "reasoning": message.reasoning,
        "content": message.content,
    }
    values |= receipt_values(message.receipt)
    return {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}


def receipt_values(receipt: CleanupReceipt | None) -> dict[str, Any]:
    """Return what a message keeps of a cleanup as column → value."""
    if receipt is None:
        return {"receipt": None, "summary_tokens": None}
    in_force = receipt.summary is not None and not receipt.undone
    return {
        "receipt": to_json(receipt),
        "summary_tokens": count(receipt.summary.tokens) if in_force and receipt.summary else None,
    }


def kept_usage(usage: Usage) -> Usage:
    """Return a usage with counts that can be kept."""
    return Usage(
        input_tokens=count(usage.input_tokens),
        cache_read_tokens=count(usage.cache_read_tokens),
        cache_write_tokens=count(usage.cache_write_tokens),
        output_tokens=count(usage.output_tokens),
        reasoning_tokens=count(usage.reasoning_tokens),
        estimated=usage.estimated,
    )


def message_of(row: sqlite3.Row) -> Message:
    """Return the message of a row."""
    return Message.model_construct(
        id=row["id"],
        session_id=row["session_id"],
        parent_id=row["parent_id"],
        role=row["role"],
        status=Status(row["status"]),
        created_at=from_micros(row["created_at"]),
        tokens=row["tokens"],
        tokens_estimated=bool(row["tokens_estimated"]),
        in_window=bool(row["in_window"]),
        pinned=bool(row["pinned"]),
        left_out=bool(row["left_out"]),
        shortened_chars=row["shortened_chars"],
        model=row["model"],
        finish_reason=row["finish_reason"],
        first_token_s=row["first_token_s"],
        duration_s=row["duration_s"],
        cost_usd=None if row["cost"] is None else from_picos(row["cost"]),
        cache_saved_usd=None if row["cache_saved"] is None else from_picos(row["cache_saved"]),
        usage=usage_of(row["usage"]),
        prompt_parts=parts_of(row["prompt_parts"]),
        failure=None if row["failure"] is None else Failure.model_validate_json(row["failure"]),
        receipt=receipt_of(row["receipt"]),
        tool_calls=calls_from_json(row["tool_calls"]),
        attachments=attachments_from_json(row["attachments"]),
        carried=None if row["carried"] is None else Carried.model_validate_json(row["carried"]),
        from_cache=bool(row["from_cache"]),
        reasoning=row["reasoning"],
        content=row["content"],
    )


def context_row_of(row: sqlite3.Row) -> ContextRow:
    """Return the row of the list of what the model sees."""
    return ContextRow(
        id=row["id"],
        role=row["role"],
        status=Status(row["status"]),
        created_at=from_micros(row["created_at"]),
        opening=row["opening"],
        tokens=row["tokens"],
        tokens_estimated=bool(row["tokens_estimated"]),
        in_window=bool(row["in_window"]),
        pinned=bool(row["pinned"]),
        left_out=bool(row["left_out"]),
        shortened_chars=row["shortened_chars"],
        prompt_parts=parts_of(row["prompt_parts"]),
        usage=usage_of(row["usage"]),
        receipt=receipt_of(row["receipt"]),
    )


def usage_of(text: str | None) -> Usage | None:
    """Return the usage of a column."""
    return None if text is None else Usage(**json.loads(text))


def parts_of(text: str | None) -> PromptParts | None:
    """Return the foreseen parts of a prompt of a column."""
    return None if text is None else PromptParts.model_validate_json(text)


def receipt_of(text: str | None) -> CleanupReceipt | None:
    """Return the receipt of a column."""
    return None if text is None else CleanupReceipt.model_validate_json(text)


def to_json(model: BaseModel) -> str:
    """Return a model as JSON that can be kept, whatever its texts hold."""
    return storable(json.dumps(model.model_dump(), ensure_ascii=False, default=str))


def calls_to_json(calls: tuple[ToolCall, ...]) -> str:
    """Return tool calls as a JSON list."""
    if not calls:
        return "[]"
    return storable(json.dumps([call.model_dump() for call in calls], ensure_ascii=False))


def calls_from_json(text: str) -> tuple[ToolCall, ...]:
    """Return the tool calls of a JSON list."""
    return () if text == "[]" else tuple(ToolCall.model_validate(call) for call in json.loads(text))


def attachments_to_json(attachments: Iterable[Attachment]) -> str:
    """Return what attachments are, without their data, as a JSON list."""
    return storable(json.dumps([one.model_dump() for one in attachments], ensure_ascii=False))


def attachments_from_json(text: str) -> tuple[Attachment, ...]:
    """Return the attachments of a JSON list."""
    return () if text == "[]" else tuple(Attachment.model_validate(one) for one in json.loads(text))


def queue_to_json(queued: Iterable[QueuedPrompt]) -> str:
    """Return a queue as a JSON list; a prompt without attachments is its text."""
    items = [prompt.model_dump() if prompt.attachments else prompt.text for prompt in queued]
    return storable(json.dumps(items, ensure_ascii=False))


def queue_from_json(text: str) -> tuple[QueuedPrompt, ...]:
    """Return the queue of a JSON list."""
    if text == "[]":
        return ()
    return tuple(QueuedPrompt.model_validate(item) for item in json.loads(text))


def parameters_of(text: str) -> Parameters:
    """Return the parameters of a column."""
    return NO_PARAMETERS if text == "{}" else Parameters.model_validate_json(text)
