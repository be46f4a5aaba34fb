"""A session as one HTML page that needs nothing else and in which nothing acts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from brim.core.attachments import Attachment
from brim.core.context import ContextUsage
from brim.core.export.branches import BranchBegins, BranchEnds, Said, shown_branch, steps
from brim.core.export.facts import (
    ending,
    file_words,
    moment,
    receipt_line,
    remarks,
    speaker,
    summary_line,
    title,
    totals,
)
from brim.core.export.gauge import context_line
from brim.core.export.html_chart import chart, gauge
from brim.core.export.html_style import style
from brim.core.export.html_text import line, markdown, plain
from brim.core.images import media_type_of
from brim.core.timeline import timeline
from brim.core.types import CleanupReceipt, Message, Session, ToolCall

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_OPENING_CHARS = 80


def to_html(session: Session, messages: Sequence[Message], context: ContextUsage | None = None) -> str:
    """Return a session as a page; of a whole tree the branches beside the one shown are folded."""
    return "\n".join(_Page(session, messages, context).parts()) + "\n"


class _Page:
    def __init__(self, session: Session, messages: Sequence[Message], context: ContextUsage | None) -> None:
        self._session = session
        self._messages = messages
        self._context = context
        self._by_id: Mapping[str, Message] = {message.id: message for message in messages}
        self._shown = shown_branch(session, messages)
        gone = [message.id for message in self._shown if not message.in_window and not message.left_out]
        self._last_gone = gone[-1] if gone else None

    def parts(self) -> Iterator[str]:
        """Yield the page, piece by piece."""
        name = escape(title(self._session))
        yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
        yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield '<meta name="referrer" content="no-referrer">\n<meta name="generator" content="brim">'
        yield f"<title>{name}</title>\n<style>{style()}</style>\n</head>\n<body>\n<header>\n<h1>{name}</h1>"
        yield from self._head()
        yield "</header>\n<main>"
        for step in steps(self._session, self._messages):
            match step:
                case BranchBegins(said):
                    yield self._branch(said)
                case BranchEnds():
                    yield "</details>"
                case Said(message=message):
                    yield from _message(step, self._by_id)
                    if message.id == self._last_gone:
                        yield '<div class="horizon">above here the model no longer sees</div>'
        yield "</main>"
        yield f'<footer class="soft">Session {line(self._session.id)}, exported by brim</footer>\n</body>\n</html>'

    def _head(self) -> Iterator[str]:
        session = self._session
        when = [moment(session.created_at)]
        if session.updated_at != session.created_at:
            when.append(moment(session.updated_at))
        model = f"<strong>{line(session.model)}</strong> · " if session.model else ""
        yield f'<p class="facts">{model}{" – ".join(when)}</p>'
        yield f'<p class="facts">{line(totals(session))}</p>'
        if session.tags:
            yield f'<p class="facts">{line(" ".join(f"#{tag}" for tag in session.tags))}</p>'
        if self._context is not None:
            yield gauge(self._context)
            yield f'<p class="facts">Context: {line(context_line(self._context))}</p>'
        yield chart(timeline(self._shown))
        if session.system_prompt:
            yield f"<details><summary>System prompt</summary>{plain(session.system_prompt)}</details>"

    def _branch(self, said: Said) -> str:
        words = _opening(said.message)
        return (
            f'<details class="branch"><summary><span class="mark">{said.mark}</span> '
            f"{line(speaker(said.message))}: {words}</summary>"
        )


def _message(said: Said, by_id: Mapping[str, Message]) -> Iterator[str]:
    message = said.message
    if message.receipt and not message.receipt.after_answer:
        yield from _receipt(message.receipt, by_id)
    gone = "" if message.in_window else " gone"
    yield f'<article class="by-{message.role}{gone}" id="m-{escape(message.id)}">'
    mark = f' <span class="mark">{said.mark}</span>' if said.mark else ""
    pin = ' <span class="pin" title="pinned">◆</span>' if message.pinned else ""
    facts = " · ".join([moment(message.created_at), *remarks(message)])
    yield f'<header><strong>{line(speaker(message))}</strong>{mark}{pin}<span class="soft">{line(facts)}</span></header>'
    if message.reasoning:
        yield f"<details><summary>Reasoning</summary>{plain(message.reasoning)}</details>"
    yield from map(_tool_call, message.tool_calls)
    if message.content:
        yield f'<div class="text">{markdown(message.content, keeps_lines=message.role != "assistant")}</div>'
    yield from map(_file, message.attachments)
    if end := ending(message):
        yield f'<p class="failed"><strong>{line(end)}</strong></p>'
    yield "</article>"
    if message.receipt and message.receipt.after_answer:
        yield from _receipt(message.receipt, by_id)


def _file(one: Attachment) -> str:
    """Return a file with what is in it, as far as that is here."""
    words = line(file_words(one))
    if not one.is_loaded:
        return f'<p class="file soft">{words}</p>'
    if one.kind == "text":
        return f'<details class="file"><summary>{words}</summary>{plain(one.text)}</details>'
    # What an import says it is may not be true; a picture acts nowhere, but other kinds might.
    media_type = media_type_of(one.data)
    if not media_type:
        return f'<p class="file soft">{words}</p>'
    source = f"data:{media_type};base64,{b64encode(one.data).decode()}"
    return f'<figure class="file"><img src="{source}" alt="{escape(one.name)}"><figcaption>{words}</figcaption></figure>'


def _receipt(receipt: CleanupReceipt, by_id: Mapping[str, Message]) -> Iterator[str]:
    yield f'<aside class="receipt">✂ {line(receipt_line(receipt))}'
    left = [by_id[each] for each in receipt.left_ids if each in by_id]
    if left:
        yield "<details><summary>What left</summary><ol>"
        for message in left:
            link = escape(f"#m-{message.id}")
            yield f'<li><a href="{link}">{line(speaker(message))}</a>: {_opening(message)}</li>'
        yield "</ol></details>"
    if receipt.summary is not None:
        words = line(summary_line(receipt.summary))
        yield f"<details><summary>{words}</summary>{plain(receipt.summary.text)}</details>"
    yield "</aside>"


def _tool_call(call: ToolCall) -> str:
    state = "failed" if call.is_error else "unfinished" if call.result is None else "done"
    result = "" if call.result is None else plain(call.result)
    given = plain(call.arguments) if call.arguments else ""
    return f"<details><summary>Tool: {line(call.name)} ({state})</summary>{given}{result}</details>"


def _opening(message: Message) -> str:
    words = " ".join(message.content[: 4 * _OPENING_CHARS].split())
    return line(words[:_OPENING_CHARS]) + ("…" if len(words) > _OPENING_CHARS else "")
