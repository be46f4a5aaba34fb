"""Where the core's events become calls of the screen: one `match`, complete by type.

Imported only once the core is there, since it knows the event classes.
"""

from __future__ import annotations

from typing import Protocol, assert_never

from brim.core.context import ContextUsage
from brim.core.events import (
    BranchShown,
    BudgetWarned,
    ContextChanged,
    DayChanged,
    MessageChanged,
    QueueChanged,
    QueuePaused,
    ReasoningAdded,
    SessionChanged,
    SessionDeleted,
    StoreChanged,
    SummarySkipped,
    TextAdded,
    ToolCallChanged,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnProgressed,
    TurnStarted,
    WindowCleaned,
)
from brim.core.hub import Subscription
from brim.core.stats import DayTotal
from brim.core.types import CleanupReceipt, Message, QueuedPrompt, Session, ToolCall

_OfSessions = (
    SummarySkipped
    | QueuePaused
    | BudgetWarned
    | DayChanged
    | BranchShown
    | SessionChanged
    | SessionDeleted
    | StoreChanged
)


class ChatView(Protocol):
    """What a screen can show of turns and sessions. No verb may raise or take long."""

    def begin_turn(self, session_id: str, prompt: Message, answer: Message) -> None:
        """Show a prompt and the empty answer after it. A retry begins with a prompt that is already shown."""
        ...

    def add_text(self, message_id: str, text: str) -> None:
        """Add text at the end of an answer."""
        ...

    def add_reasoning(self, message_id: str, text: str) -> None:
        """Add reasoning at the end of an answer's reasoning."""
        ...

    def set_tool_call(self, message_id: str, call: ToolCall) -> None:
        """Show a tool call, in place of the one with the same id."""
        ...

    def show_progress(self, progress: TurnProgressed) -> None:
        """Show the figures of a running turn, and what it waits for."""
        ...

    def end_turn(self, session_id: str, answer: Message) -> None:
        """Show an answer as it is at its end: complete, stopped, or with its failure."""
        ...

    def show_cleanup(self, session_id: str, message_id: str, receipt: CleanupReceipt) -> None:
        """Show that messages left the window, or came back; the message ``message_id`` keeps the receipt."""
        ...

    def show_message(self, session_id: str, message: Message) -> None:
        """Show a message as it is now: pinned, left out, brought back or shortened."""
        ...

    def show_usage(self, session_id: str, usage: ContextUsage) -> None:
        """Show how full the window is now."""
        ...

    def show_queue(self, session_id: str, prompts: tuple[QueuedPrompt, ...]) -> None:
        """Show the prompts that wait, oldest first; empty when none does."""
        ...

    def show_notice(self, session_id: str, sentence: str) -> None:
        """Show a sentence that the person should read and that stands nowhere else."""
        ...

    def show_day(self, total: DayTotal) -> None:
        """Show what today has taken, over all sessions."""
        ...

    def show_branch(self, session_id: str, message_id: str) -> None:
        """Show another branch of a session: the one with the message ``message_id``."""
        ...

    def read_again(self, answering_elsewhere: frozenset[str]) -> None:
        """Show what another brim has changed; it answers in the sessions with these ids."""
        ...

    def put_session(self, session: Session) -> None:
        """Show a session that is new or has changed."""
        ...

    def remove_session(self, session_id: str) -> None:
        """Take a deleted session from the screen."""
        ...


async def watch(subscription: Subscription, view: ChatView) -> None:
    """Tell ``view`` of every event of ``subscription``, until that is closed."""
    async for batch in subscription.batches():
        for event in batch:
            _tell(view, event)


def _tell(view: ChatView, event: TurnEvent) -> None:
    match event:
        case TextAdded():
            view.add_text(event.message_id, event.text)
        case ReasoningAdded():
            view.add_reasoning(event.message_id, event.text)
        case ToolCallChanged():
            view.set_tool_call(event.message_id, event.call)
        case TurnProgressed():
            view.show_progress(event)
        case TurnStarted():
            view.begin_turn(event.session_id, event.prompt, event.answer)
        case TurnFinished() | TurnFailed():
            view.end_turn(event.session_id, event.answer)
        case QueueChanged():
            view.show_queue(event.session_id, event.prompts)
        case WindowCleaned():
            view.show_cleanup(event.session_id, event.message_id, event.receipt)
        case MessageChanged():
            view.show_message(event.session_id, event.message)
        case ContextChanged():
            view.show_usage(event.session_id, event.usage)
        case _:
            _tell_of_sessions(view, event)


def _tell_of_sessions(view: ChatView, event: _OfSessions) -> None:
    match event:
        case SummarySkipped() | QueuePaused() | BudgetWarned():
            view.show_notice(event.session_id, event.sentence)
        case DayChanged():
            view.show_day(event.total)
        case BranchShown():
            view.show_branch(event.session_id, event.message_id)
        case SessionChanged():
            view.put_session(event.session)
        case SessionDeleted():
            view.remove_session(event.session_id)
        case StoreChanged():
            view.read_again(event.answering_elsewhere)
        case _:
            assert_never(event)
