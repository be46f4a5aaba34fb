"""Between the models and the rows of the data file."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from brim.core.types import CleanupReceipt, Failure, Message, Session, Status, ToolCall
from brim.core.usage import Usage

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
    """Return an amount of USD as whole picodollars."""
    return int((usd / _PICO).to_integral_value())


def from_picos(value: int) -> Decimal:
    """Return picodollars as USD, without trailing zeros."""
    usd = (value * _PICO).normalize()
    return usd if usd.as_tuple().exponent <= 0 else usd.quantize(Decimal(1))  # type: ignore[operator]  # finite


def storable(text: str) -> str:
    """Return ``text`` as UTF-8 can hold it: lone surrogates, which JSON can smuggle in, become question marks."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def session_values(session: Session) -> dict[str, Any]:
    """Return a session as column → value."""
    values = session.model_dump(exclude={"cost_usd"})
    return {name: session_value(name, value) for name, value in values.items()} | {
        "cost": to_picos(session.cost_usd)
    }


def session_value(name: str, value: Any) -> Any:
    """Return one field of a session as its column holds it."""
    if name.endswith("_at") and value is not None:
        return to_micros(value)
    if name == "queued":
        return json.dumps(value)
    return storable(value) if isinstance(value, str) else value


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
        draft=row["draft"],
        queued=tuple(json.loads(row["queued"])),
        deleted_at=None if row["deleted_at"] is None else from_micros(row["deleted_at"]),
    )


def message_values(message: Message) -> dict[str, Any]:
    """Return a message as column → value, without ``writer``."""
    return {
        "id": message.id,
        "session_id": message.session_id,
        "parent_id": message.parent_id,
        "role": message.role,
        "status": message.status.value,
        "created_at": to_micros(message.created_at),
        "chars": len(message.content),
        "lines": message.content.count("\n") + 1,
        "tokens": message.tokens,
        "tokens_estimated": message.tokens_estimated,
        "in_window": message.in_window,
        "pinned": message.pinned,
        "model": message.model,
        "finish_reason": message.finish_reason,
        "first_token_s": message.first_token_s,
        "duration_s": message.duration_s,
        "cost": None if message.cost_usd is None else to_picos(message.cost_usd),
        "usage": None if message.usage is None else json.dumps(asdict(message.usage)),
        "failure": None if message.failure is None else message.failure.model_dump_json(),
        "receipt": None if message.receipt is None else message.receipt.model_dump_json(),
        "tool_calls": calls_to_json(message.tool_calls),
        "reasoning": storable(message.reasoning),
        "content": storable(message.content),
    }


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
        model=row["model"],
        finish_reason=row["finish_reason"],
        first_token_s=row["first_token_s"],
        duration_s=row["duration_s"],
        cost_usd=None if row["cost"] is None else from_picos(row["cost"]),
        usage=None if row["usage"] is None else Usage(**json.loads(row["usage"])),
        failure=None if row["failure"] is None else Failure.model_validate_json(row["failure"]),
        receipt=None if row["receipt"] is None else CleanupReceipt.model_validate_json(row["receipt"]),
        tool_calls=calls_from_json(row["tool_calls"]),
        reasoning=row["reasoning"],
        content=row["content"],
    )


def calls_to_json(calls: tuple[ToolCall, ...]) -> str:
    """Return tool calls as a JSON list."""
    return json.dumps([call.model_dump() for call in calls]) if calls else "[]"


def calls_from_json(text: str) -> tuple[ToolCall, ...]:
    """Return the tool calls of a JSON list."""
    return () if text == "[]" else tuple(ToolCall.model_validate(call) for call in json.loads(text))
