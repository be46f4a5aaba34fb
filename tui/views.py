"""What the chat screen shows of events: those of the session that is open, and those of all sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brim.tui.branch_showing import read_siblings

if TYPE_CHECKING:
    from brim.core.context import ContextUsage
    from brim.core.events import TurnProgressed
    from brim.core.stats import DayTotal
    from brim.core.types import CleanupReceipt, Message, QueuedPrompt, Session, ToolCall
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen


class OpenSessionView:
    """Shows the session that is open: its transcript, its meters, its title."""

    def __init__(self, screen: ChatScreen, controller: ChatController) -> None:
        self._screen = screen
        self._controller = controller

    def begin_turn(self, session_id: str, prompt: Message, answer: Message) -> None:
        """Show a prompt and its empty answer."""
        transcript = self._screen.transcript
        before = transcript.message_count
        if not (transcript.rewind(prompt.id) or transcript.rewind(prompt.parent_id)):
            self._screen.commands.run("show_again", session_id)
            return
        if transcript.message_count < before:
            read_siblings(self._screen, self._controller)
        transcript.begin(prompt, answer)
        self._screen.show_answering(is_answering=True)

    def add_text(self, message_id: str, text: str) -> None:
        """Add to the answer."""
        self._screen.transcript.add_text(message_id, text)

    def add_reasoning(self, message_id: str, text: str) -> None:
        """Add to the answer's reasoning."""
        self._screen.transcript.add_reasoning(message_id, text)

    def set_tool_call(self, message_id: str, call: ToolCall) -> None:
        """Show a tool call."""
        self._screen.transcript.set_tool_call(message_id, call)

    def show_progress(self, progress: TurnProgressed) -> None:
        """Show speed and amounts, and what is waited for."""
        self._screen.transcript.set_waiting(progress.message_id, progress.waiting)
        for meter in self._screen.meters:
            meter.set_progress(progress)

    def end_turn(self, session_id: str, answer: Message) -> None:
        """Show how the answer ended."""
        del session_id
        self._screen.transcript.settle(answer)
        for meter in self._screen.meters:
            meter.set_turn(answer)
        self._screen.show_answering(is_answering=False)

    def show_cleanup(self, session_id: str, message_id: str, receipt: CleanupReceipt) -> None:
        """Show the receipt where the cleanup happened, and what the model sees now."""
        del session_id
        self._screen.transcript.set_receipt(message_id, receipt)
        self._controller.undo.cleaned(receipt)

    def show_message(self, session_id: str, message: Message) -> None:
        """Show the message's marks, and whether the model sees it."""
        del session_id
        self._screen.transcript.set_message(message)

    def show_notice(self, session_id: str, sentence: str) -> None:
        """Say it."""
        del session_id
        self._screen.brim.tell(sentence)

    def show_branch(self, session_id: str, message_id: str) -> None:
        """Read the messages of the branch that is shown now."""
        del session_id
        self._screen.commands.run("show_again", message_id)

    def show_day(self, total: DayTotal) -> None:
        """The day is no session's: the list's view shows it."""

    def read_again(self, answering_elsewhere: frozenset[str]) -> None:
        """The list's view does."""

    def show_usage(self, session_id: str, usage: ContextUsage) -> None:
        """Show how full the window is."""
        del session_id
        for meter in self._screen.meters:
            meter.set_usage(usage)

    def show_queue(self, session_id: str, prompts: tuple[QueuedPrompt, ...]) -> None:
        """Show the prompts that wait."""
        del session_id
        texts = (prompt.text or ", ".join(one.name for one in prompt.attachments) for prompt in prompts)
        self._screen.transcript.set_queue(tuple(texts))
        self._screen.composer.queue_waits = bool(prompts)

    def put_session(self, session: Session) -> None:
        """Show the session's title, model and totals."""
        self._controller.take(session)

    def remove_session(self, session_id: str) -> None:
        """Leave a session that was deleted, also by another hand."""
        self._controller.left(session_id)


class AllSessionsView:
    """Keeps the list of sessions: order, titles, and the marks of those that are answered or unread."""

    def __init__(self, screen: ChatScreen, controller: ChatController) -> None:
        self._screen = screen
        self._controller = controller

    def begin_turn(self, session_id: str, prompt: Message, answer: Message) -> None:
        """Mark the session as being answered."""
        del prompt, answer
        self._screen.sessions.mark(session_id, streaming=True)

    def end_turn(self, session_id: str, answer: Message) -> None:
        """Unmark it, and say that there is something to read where nobody looked."""
        del answer
        is_unread = session_id != self._controller.session_id
        self._screen.sessions.mark(session_id, streaming=False, unread=is_unread)

    def put_session(self, session: Session) -> None:
        """Show a new or changed session at its place."""
        self._screen.sessions.put(session)

    def remove_session(self, session_id: str) -> None:
        """Take a session out of the list."""
        self._screen.sessions.drop(session_id)

    def add_text(self, message_id: str, text: str) -> None:
        """The list shows no text."""

    def add_reasoning(self, message_id: str, text: str) -> None:
        """The list shows no reasoning."""

    def set_tool_call(self, message_id: str, call: ToolCall) -> None:
        """The list shows no tools."""

    def show_progress(self, progress: TurnProgressed) -> None:
        """The list shows no figures of a turn."""

    def show_cleanup(self, session_id: str, message_id: str, receipt: CleanupReceipt) -> None:
        """The list shows no cleanups."""

    def show_usage(self, session_id: str, usage: ContextUsage) -> None:
        """The list shows no windows."""

    def show_message(self, session_id: str, message: Message) -> None:
        """The list shows no messages."""

    def show_notice(self, session_id: str, sentence: str) -> None:
        """Say what concerns a session that is not open."""
        if session_id != self._controller.session_id:
            self._screen.brim.tell(sentence)

    def show_branch(self, session_id: str, message_id: str) -> None:
        """The list shows no branches."""

    def read_again(self, answering_elsewhere: frozenset[str]) -> None:
        """Read the list and the session shown anew."""
        self._controller.elsewhere.changed(answering_elsewhere)

    def show_day(self, total: DayTotal) -> None:
        """Show what today has taken."""
        for meter in self._screen.meters:
            meter.set_day(total)

    def show_queue(self, session_id: str, prompts: tuple[QueuedPrompt, ...]) -> None:
        """The list shows no queues."""
