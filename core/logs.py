"""The log: what was asked of whom, how long it took, what it used and what went wrong, a JSON object a line.

It holds sizes and times and counts, never what was said, unless the person asks for that (`log_messages`); and never
a key. It is written from a thread: nothing waits for it, and nothing that goes wrong with it is felt elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import re
import traceback
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from brim._version import __version__
from brim.core.events import (
    BudgetWarned,
    QueuePaused,
    SessionDeleted,
    SummarySkipped,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    WindowCleaned,
)
from brim.core.hub import Subscription
from brim.core.log_file import LEVELS, LogFile, new_entry
from brim.core.places import without_secrets
from brim.core.types import Message

OFF = "off"
"""The level at which nothing is kept."""

session_of_log: ContextVar[str] = ContextVar("session_of_log", default="")
"""The session that is worked for, for entries of agents and their libraries, which do not know it."""

_NUMBERS = dict(zip(LEVELS, (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR), strict=True))
_LIBRARIES = (
    *("httpx", "httpx2", "httpcore", "httpcore2", "h11", "h2", "hpack", "openai", "anthropic", "urllib3"),
    *("asyncio", "PIL", "pypdf", "aiosqlite", "markdown_it", "keyring", "psycopg", "boto3", "botocore"),
    *("concurrent", "genai-prices", "opentelemetry"),
)
"""Libraries whose entries may quote requests: of theirs only warnings are kept, without what they fill in."""
_OF_RECORDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LONGEST = 2_000
_LONGEST_TEXT = 100_000
_QUOTE = 16
"""So many characters in a row that stand in the prompt too are taken for a quotation of it."""
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|r8|pplx|key|glpat|ghp)[-_][\w-]{8,}|\bAIza[\w-]{20,}|(?i:\bbearer\s+)[^\s\"']+"
    r"|\beyJ[\w-]{10,}\.[\w-]+\.?[\w-]*"
)


class Log:
    """Keeps what happens.

    Args:
        file: where entries go.
        level: the least grave that is kept, or `OFF`.
        has_messages: whether prompts and answers are kept too.
        secrets: texts that stand in no entry.
    """

    def __init__(
        self,
        file: LogFile,
        *,
        level: str = "info",
        has_messages: bool = False,
        secrets: Collection[str] = (),
    ) -> None:
        self._file = file
        self._secrets: list[str] = []
        self._prompts: dict[str, str] = {}
        self._is_new = True
        self._records = _Records(self)
        self._task: asyncio.Task[None] | None = None
        self._levels: dict[str, int] = {}
        self.keep(level, has_messages=has_messages, secrets=secrets)

    def keep(self, level: str, *, has_messages: bool = False, secrets: Collection[str] = ()) -> None:
        """Keep this from now on; see `Log`. Texts that stood in no entry before still do not."""
        self._least = len(LEVELS) if level == OFF else LEVELS.index(level)
        self._has_messages = has_messages
        known = {*self._secrets, *(one for one in secrets if len(one) >= 4)}
        self._secrets = sorted(known, key=len, reverse=True)
        if self._task is not None and not self._task.done():
            self._set_root_level()

    # --- what it hears --------------------------------------------------------------------------------

    def start(self, subscription: Subscription) -> None:
        """Keep the events of a subscription and what is given to Python's ``logging``, until the first ends."""
        for name in ("", *_LIBRARIES):
            self._levels[name] = logging.getLogger(name).level
        logging.getLogger().addHandler(self._records)
        self._set_root_level()
        for name in _LIBRARIES:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._task = asyncio.create_task(self._listen(subscription))
        self._task.add_done_callback(self._stop)

    def _set_root_level(self) -> None:
        least = LEVELS[min(self._least, len(LEVELS) - 1)]
        logging.getLogger().setLevel(min(self._levels[""], _NUMBERS[least]))

    async def _listen(self, subscription: Subscription) -> None:
        async for batch in subscription.batches():
            for event in batch:
                self.take(event)

    def _stop(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.say("error", "log_failed", error=type(error).__name__)
        logging.getLogger().removeHandler(self._records)
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        self._file.close()

    # --- what it keeps --------------------------------------------------------------------------------

    def say(self, level: str, event: str, **fields: Any) -> None:
        """Keep an entry; fields that are ``None`` or empty are left out."""
        if LEVELS.index(level) < self._least:
            return
        if self._is_new:
            self._is_new = False
            system = {"python": platform.python_version(), "system": platform.system().lower()}
            self._put("info", "opened", {"version": __version__, **system})
        self._put(level, event, fields)

    def _put(self, level: str, event: str, fields: Mapping[str, Any]) -> None:
        entry = new_entry(level, event)
        entry |= {name: self._plain(name, value) for name, value in fields.items() if value not in (None, "")}
        self._file.put(entry)

    def _plain(self, name: str, value: Any) -> Any:
        match value:
            case str():
                longest = _LONGEST_TEXT if name in ("prompt", "answer") else _LONGEST
                return self._redacted(value[:longest])
            case bool() | int():
                return value
            case float():
                return round(value, 3)
            case Decimal():
                return float(value)
            case Mapping():
                return {str(key): self._plain(str(key), one) for key, one in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._plain(name, one) for one in value]
            case _:
                return self._redacted(str(value)[:_LONGEST])

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return _KEY_LIKE.sub("[key]", text)

    def take(self, event: TurnEvent) -> None:
        """Keep what an event says."""
        match event:
            case TurnStarted(session_id=session_id, prompt=prompt, answer=answer):
                self._prompts[session_id] = prompt.content[:_LONGEST_TEXT]
                self.say(
                    "info",
                    "turn_started",
                    session=session_id,
                    message=answer.id,
                    model=answer.model,
                    prompt_chars=len(prompt.content),
                    files=len(prompt.attachments) or None,
                    file_bytes=sum(one.size_bytes for one in prompt.attachments) or None,
                    prompt=prompt.content if self._has_messages else None,
                )
            case TurnFinished(session_id=session_id, answer=answer):
                self._prompts.pop(session_id, None)
                self.say("info", "turn_finished", session=session_id, **self._turn(answer))
            case TurnFailed(session_id=session_id, answer=answer):
                prompt_text = self._prompts.pop(session_id, "")
                failed: dict[str, Any] = {}
                if (failure := answer.failure) is not None:
                    failed = {
                        "kind": failure.kind,
                        "status_code": failure.status,
                        "retryable": failure.retryable,
                        "retry_after_s": failure.retry_after_s,
                        "sentence": _said(failure.kind, failure.sentence, prompt_text),
                    }
                self.say("error", "turn_failed", session=session_id, **self._turn(answer), **failed)
            case WindowCleaned(session_id=session_id, receipt=receipt):
                self.say(
                    "info",
                    "cleanup_undone" if receipt.undone else "window_cleaned",
                    session=session_id,
                    reason=receipt.reason,
                    before_tokens=receipt.before_tokens,
                    after_tokens=receipt.after_tokens,
                    left=len(receipt.left_ids),
                    shortened=len(receipt.shortened_ids) or None,
                    summary_tokens=receipt.summary.tokens if receipt.summary else None,
                    summary_model=receipt.summary.model if receipt.summary else None,
                )
            case SummarySkipped(session_id=session_id, sentence=sentence):
                self.say("warning", "summary_skipped", session=session_id, sentence=sentence)
            case QueuePaused(session_id=session_id, sentence=sentence):
                self.say("warning", "queue_paused", session=session_id, sentence=sentence)
            case BudgetWarned(session_id=session_id, sentence=sentence):
                self.say("warning", "budget_warned", session=session_id, sentence=sentence)
            case SessionDeleted(session_id=session_id):
                self.say("info", "session_deleted", session=session_id)
            case _:
                pass

    def _turn(self, answer: Message) -> dict[str, Any]:
        usage = asdict(answer.usage) if answer.usage else {}
        return {
            "message": answer.id,
            "model": answer.model,
            "status": answer.status.value,
            "finish_reason": answer.finish_reason,
            "answer_chars": len(answer.content),
            "tools": len(answer.tool_calls) or None,
            "first_token_s": answer.first_token_s,
            "duration_s": answer.duration_s,
            "tokens": {name: count for name, count in usage.items() if count} or None,
            "cost_usd": answer.cost_usd,
            "from_cache": answer.from_cache or None,
            "answer": answer.content if self._has_messages else None,
        }

    def take_record(self, record: logging.LogRecord) -> None:
        """Keep what was given to Python's ``logging``: whole from an agent, from a library without its values."""
        level = next((name for name in reversed(LEVELS) if record.levelno >= _NUMBERS[name]), LEVELS[0])
        event = "logged"
        fields: dict[str, Any] = {"session": session_of_log.get(), "logger": record.name}
        if record.name.partition(".")[0] in _LIBRARIES:
            fields["text"] = without_secrets(str(record.msg))
        else:
            if record.name.startswith("brim."):
                event = record.getMessage()
            else:
                fields["text"] = record.getMessage()
            fields |= {
                name: value for name, value in vars(record).items() if name not in {*_OF_RECORDS, *_ENTRY}
            }
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            fields["error"] = record.exc_info[0].__name__
            fields["at"] = [f"{os.path.basename(one.filename)}:{one.lineno}" for one in frames[-8:]]  # noqa: PTH119 - a name, not a file
        self.say(level, event, **fields)


_ENTRY = frozenset({"time", "level", "event", "process", "session", "logger", "text"})


class _Records(logging.Handler):
    """Takes what is given to Python's ``logging``, so that none of it goes to the terminal."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record; one that cannot be put into words is an entry that says so."""
        try:
            self._log.take_record(record)
        except Exception as error:  # the values of a record are anyone's
            self._log.say("warning", "logged", logger=record.name, error=type(error).__name__)


def _said(kind: str, sentence: str, prompt: str) -> str:
    """Return what an error says, without what it quotes of the prompt.

    What an agent of the person's raises may be anything: of that only the beginning is ours.
    """
    if kind in ("agent", "defect"):
        return sentence.partition(":")[0]
    kept: list[str] = []
    at = 0
    while at < len(sentence):
        end = at + _QUOTE
        if end <= len(sentence) and sentence[at:end] in prompt:
            while end < len(sentence) and sentence[at : end + 1] in prompt:
                end += 1
            kept.append("…")
            at = end
        else:
            kept.append(sentence[at])
            at += 1
    return "".join(kept)
