"""brim's own JSON: reading it gives the session that was written."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from brim.core.attachments import Attachment, attachment
from brim.core.export.jsondoc import FORMAT, VERSION
from brim.core.images import media_type_of
from brim.core.importing.items import (
    Imported,
    Kind,
    Problem,
    list_of,
    named,
    stable_id,
    table_of,
    text_of,
    title_of,
)
from brim.core.importing.tree import in_order
from brim.core.types import CleanupReceipt, Message, Session, Status

BEGINS = ("format",)
_SESSION_ID = re.compile(r"[0-9a-f]{8,32}")
_MESSAGE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def fits(value: Any) -> bool:
    """Whether a value is one of these documents."""
    return isinstance(value, dict) and value.get("format") == FORMAT


def read(number: int, value: dict[str, Any]) -> Iterator[Imported | Problem]:
    """Yield a session, and what could not be read of it."""
    where = named(number, title_of(table_of(value.get("session")).get("title")))
    version = value.get("version")
    if not isinstance(version, int) or version > VERSION:
        yield Problem(where, f"it was written by a newer brim (version {str(version)[:20]})")
        return
    lost = 0
    for holder in _holders(value):
        lost += _take_files(holder)
    if lost:
        yield Problem(where, f"{_files(lost)} without what was in {'it' if lost == 1 else 'them'}")
    try:
        session = Session.model_validate(value.get("session"))
    except ValidationError as error:
        yield Problem(where, f"its session is not one of brim's: {_first(error)}")
        return
    session.id = _usable(_SESSION_ID, session.id)
    found: list[Message] = []
    for place, raw in enumerate(list_of(value.get("messages")), start=1):
        try:
            message = Message.model_validate(raw)
        except ValidationError as error:
            yield Problem(where, f"message {place} is not one of brim's: {_first(error)}")
            continue
        found.append(_checked(message, session.id))
    if session.head_id is not None:
        session.head_id = _usable(_MESSAGE_ID, session.head_id)
    if len({message.id for message in found}) < len(found):
        yield Problem(where, "several of its messages have one id; the first is kept")
    messages, head = in_order(found, session.head_id)
    if len(messages) < len({message.id for message in found}):
        yield Problem(where, "some of its messages are their own ancestors")
    session.head_id = head
    for name in ("created_at", "updated_at", "deleted_at"):
        setattr(session, name, _in_utc(getattr(session, name)))
    yield Imported(session, messages, where)


def _holders(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the messages and the queued prompts, as far as they are such."""
    queued = list_of(table_of(value.get("session")).get("queued"))
    yield from (each for each in (*list_of(value.get("messages")), *queued) if isinstance(each, dict))


def _take_files(holder: dict[str, Any]) -> int:
    """Put the files of a message in place of what tells of them; returns of how many only that is there."""
    found: list[Any] = []
    lost = 0
    for said in list_of(holder.get("attachments")):
        bare = {name: each for name, each in table_of(said).items() if name != "data"}
        try:
            data = b64decode(text_of(table_of(said).get("data")), validate=True)
            one = Attachment.model_validate(bare)
            # The data tells what an image is; what is written beside it may not be true.
            media_type = media_type_of(data) if one.kind == "image" else one.media_type
            made = attachment(one.name, data, kind=one.kind, media_type=media_type)
        except (ValueError, binascii.Error):
            found.append(bare)
            lost += 1
            continue
        if not data or not media_type:
            found.append(bare)
            lost += 1
        else:
            found.append(made.model_copy(update={"width_px": one.width_px, "height_px": one.height_px}))
    if found:
        holder["attachments"] = found
    return lost


def _files(count: int) -> str:
    return "a file came" if count == 1 else f"{count:,} files came"


def _checked(message: Message, session_id: str) -> Message:
    message.session_id = session_id
    message.id = _usable(_MESSAGE_ID, message.id)
    if message.parent_id is not None:
        message.parent_id = _usable(_MESSAGE_ID, message.parent_id)
    if message.receipt is not None:
        message.receipt = _with_usable_ids(message.receipt)
    message.created_at = _in_utc(message.created_at) or message.created_at
    if message.status is Status.STREAMING:  # nobody is writing it here
        message.status = Status.INTERRUPTED
    return message


def _with_usable_ids(receipt: CleanupReceipt) -> CleanupReceipt:
    ids = {
        name: tuple(_usable(_MESSAGE_ID, each) for each in getattr(receipt, name))
        for name in ("left_ids", "shortened_ids")
    }
    return receipt.model_copy(update=ids)


def _usable(form: re.Pattern[str], source_id: str) -> str:
    """Return an id as it is if it has the form of brim's, else one that is made from it."""
    return source_id if form.fullmatch(source_id) else stable_id(Kind.BRIM, source_id)


def _in_utc(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, detail["loc"]))
    return f"{place}: {detail['msg']}" if place else str(detail["msg"])
