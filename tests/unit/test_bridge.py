"""Every event reaches the verb that shows it."""

from __future__ import annotations

import typing
from datetime import date
from typing import Any

from brim.core import events
from brim.core.context import ContextUsage
from brim.core.hub import Hub
from brim.core.stats import DayTotal
from brim.core.types import CleanupReceipt, Message, QueuedPrompt, Session, ToolCall
from brim.tui.bridge import ChatView, watch


class Recorder:
    """A view that writes down which verb was called with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, verb: str) -> Any:
        return lambda *args: self.calls.append((verb, *args))


def one_of_each() -> list[tuple[events.TurnEvent, tuple[Any, ...]]]:
    prompt, answer = Message(role="user", content="q"), Message(role="assistant")
    call = ToolCall(id="c", name="clock")
    receipt = CleanupReceipt(
        before_tokens=9, after_tokens=5, left_ids=("a",), kept=5, pinned=0, reached_target=True
    )
    usage = ContextUsage(window_tokens=100, limit_tokens=100)
    session = Session(id="s")
    total = DayTotal(day=date(2027, 1, 1), turns=1)
    progress = events.TurnProgressed(
        session_id="s",
        message_id="m",
        output_tokens=3,
        output_estimated=True,
        speed=1.0,
        first_token_s=None,
        elapsed_s=2.0,
    )
    return [
        (
            events.TurnStarted(session_id="s", prompt=prompt, answer=answer),
            ("begin_turn", "s", prompt, answer),
        ),
        (events.TextAdded(session_id="s", message_id="m", text="t"), ("add_text", "m", "t")),
        (events.ReasoningAdded(session_id="s", message_id="m", text="r"), ("add_reasoning", "m", "r")),
        (
            events.ToolCallChanged(session_id="s", message_id="m", call=call),
            ("set_tool_call", "m", call),
        ),
        (progress, ("show_progress", progress)),
        (events.TurnFinished(session_id="s", answer=answer), ("end_turn", "s", answer)),
        (events.TurnFailed(session_id="s", answer=answer), ("end_turn", "s", answer)),
        (
            events.WindowCleaned(session_id="s", message_id="m", receipt=receipt),
            ("show_cleanup", "s", "m", receipt),
        ),
        (events.MessageChanged(session_id="s", message=prompt), ("show_message", "s", prompt)),
        (events.SummarySkipped(session_id="s", sentence="Too long."), ("show_notice", "s", "Too long.")),
        (events.QueuePaused(session_id="s", sentence="Decide."), ("show_notice", "s", "Decide.")),
        (events.BudgetWarned(session_id="s", sentence="Nearly."), ("show_notice", "s", "Nearly.")),
        (events.DayChanged(total=total), ("show_day", total)),
        (events.BranchShown(session_id="s", message_id="m"), ("show_branch", "s", "m")),
        (events.StoreChanged(answering_elsewhere=frozenset("s")), ("read_again", frozenset("s"))),
        (events.ContextChanged(session_id="s", usage=usage), ("show_usage", "s", usage)),
        (
            events.QueueChanged(session_id="s", prompts=(QueuedPrompt(text="a"), QueuedPrompt(text="b"))),
            ("show_queue", "s", (QueuedPrompt(text="a"), QueuedPrompt(text="b"))),
        ),
        (events.SessionChanged(session=session), ("put_session", session)),
        (events.SessionDeleted(session_id="s"), ("remove_session", "s")),
    ]


async def test_each_event_calls_its_verb_in_order() -> None:
    hub = Hub()
    subscription = hub.subscribe("s")
    recorder = Recorder()
    cases = one_of_each()
    assert {type(event) for event, _ in cases} == set(typing.get_args(events.TurnEvent))
    for event, _ in cases:
        subscription.put(event)
    subscription.close()
    await watch(subscription, typing.cast("ChatView", recorder))
    assert recorder.calls == [call for _, call in cases]
