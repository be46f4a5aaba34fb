"""A session as JSON, with all that is known of it: reading it back gives the same session."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from brim.core.attachments import Attachment
from brim.core.context import ContextUsage
from brim.core.export.branches import canonical, shown_branch
from brim.core.export.gauge import column_document, context_document
from brim.core.timeline import timeline
from brim.core.types import Message, Session

FORMAT = "brim.session"
VERSION = 1


def document(
    session: Session, messages: Sequence[Message], context: ContextUsage | None = None
) -> dict[str, Any]:
    """Return a session as values that JSON knows; money as strings, times in ISO 8601.

    Of a whole tree each message names its parent and the session its head, so that nothing is lost; the
    timeline is that of the branch shown.
    """
    is_tree = session.head_id in {message.id for message in messages}
    return {
        "format": FORMAT,
        "version": VERSION,
        "session": session.model_dump(mode="json")
        | {"queued": [_with_data(prompt, prompt.attachments) for prompt in session.queued]},
        "messages": [
            _with_data(message, message.attachments)
            for message in (canonical(messages) if is_tree else messages)
        ],
        "context": None if context is None else context_document(context),
        "timeline": [column_document(column) for column in timeline(shown_branch(session, messages))],
    }


def _with_data(model: BaseModel, attachments: Sequence[Attachment]) -> dict[str, Any]:
    """Return a message or a prompt with what is in its files, in Base64, as far as that is here."""
    values = model.model_dump(mode="json")
    for said, one in zip(values["attachments"], attachments, strict=True):
        if one.is_loaded:
            said["data"] = b64encode(one.data).decode()
    return values


def to_json(session: Session, messages: Sequence[Message], context: ContextUsage | None = None) -> str:
    """Return a session as JSON text."""
    return json.dumps(document(session, messages, context), ensure_ascii=False, indent=2) + "\n"
