"""Messages with the data of the files that go with them."""

from __future__ import annotations

from collections.abc import Iterable

from brim.core.attachments import loaded
from brim.core.store.protocol import SessionStore
from brim.core.types import Message


async def with_files(store: SessionStore, messages: Iterable[Message]) -> list[Message]:
    """Return messages, their attachments with the data that the store has."""
    found = list(messages)
    ids = {one.id for message in found for one in message.attachments}
    if not ids:
        return found
    data = await store.attachment_data(ids)
    return [
        message.model_copy(update={"attachments": loaded(message.attachments, data)})
        if message.attachments
        else message
        for message in found
    ]
