"""``brim ask``: one turn, its answer streamed to standard output."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from dataclasses import asdict, dataclass
from typing import Any

from brim.cli import assembly
from brim.cli.edge import DONE, FAILED, UNREAD, complain, drop_output
from brim.cli.output import write_json
from brim.cli.pipe import Output, Progress
from brim.cli.tuning import persona_for, tuned
from brim.core.answer_cache import CachedAgents
from brim.core.attaching import AttachmentError, read_file
from brim.core.attachments import Attachment
from brim.core.budgets import BudgetError
from brim.core.errors import (
    BrimError,
    CleanupWantedError,
    InputTooLongError,
    SettingsError,
    WindowFullError,
)
from brim.core.events import (
    BudgetWarned,
    QueuePaused,
    SummarySkipped,
    TextAdded,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnProgressed,
    TurnStarted,
    WindowCleaned,
)
from brim.core.gathering import check_together
from brim.core.parameters import Parameters
from brim.core.paths import Paths, expanded
from brim.core.sessions import SessionManager
from brim.core.stop_reasons import stop_words
from brim.core.text import visible_line
from brim.core.turns import Turn
from brim.core.types import CleanupReceipt, Message, Session, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What ``brim ask`` was told. ``None`` leaves a choice to the session or the settings."""

    text: str
    model: str | None = None
    session: str | None = None
    system: str | None = None
    agent: str | None = None
    persona: str | None = None
    parameters: Parameters | None = None
    """Those that options say; they come before the session's and the persona's."""
    as_json: bool = False
    save: bool = True
    over_budget: bool = False
    attach: tuple[str, ...] = ()
    """The files that go along."""
    typed: str = ""
    """The part of the text that was given as arguments: what is piped in may be of any length."""
    cache: bool | None = None
    """Whether the same request may be answered from what was kept; ``None`` leaves that to the settings."""
    cleanup: bool | None = None
    """Whether old messages leave the window where it is full; ``None`` leaves that to the settings."""


def read_text(arguments: tuple[str, ...]) -> str:
    """Return the question: the arguments, and below them what is piped in.

    Raises:
        SettingsError: what is piped in is not UTF-8 text.
    """
    said = " ".join(arguments)
    if not _is_piped():
        return said
    try:
        piped = sys.stdin.buffer.read().decode("utf-8-sig").strip("\n")
    except UnicodeDecodeError:
        raise SettingsError(
            "Standard input is not UTF-8 text.",
            hint="Name a file with --attach: other encodings, PDF and images can go along.",
        ) from None
    return "\n\n".join(part for part in (said, piped) if part.strip())


def _is_piped() -> bool:
    """Whether something is piped in; a terminal, a closed input and ``/dev/null`` are not asked."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def ask(question: Question) -> int:
    """Ask and return the exit code. Raises `AttachmentError` where a file cannot go along."""
    read = (read_file(expanded(name)) for name in question.attach)
    files = tuple({(one.name, one.id): one for one in read}.values())
    for number in range(len(files)):
        check_together(files[: number + 1])
    return asyncio.run(_Asking(question, files).run())


class _Asking:
    """One turn of the command line, and the ways in which it can be cut short."""

    def __init__(self, question: Question, files: tuple[Attachment, ...] = ()) -> None:
        self._question = question
        self._files = files
        self._cut = asyncio.Event()
        self._code = DONE
        self._progress = Progress(is_wanted=not question.as_json)
        self._output: Output | None = None
        self._ahead = 0
        self._answer_id = ""

    async def run(self) -> int:
        """Ask, print, store, and return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._interrupt, number)
        manager = await assembly.connect(
            Paths.find(),
            {"default_model": self._question.model},
            agent=self._question.agent,
            save=self._question.save,
            caches=self._question.cache,
            warn=complain,
        )
        try:
            self._check_length(manager)
            session = await self._session(manager)
            await _say_what_is_not_taken(manager, session)
            if self._question.cache:
                await _say_what_is_not_kept(manager, session)
            if not self._question.as_json:
                self._output = Output(self._unwritable)
            answer = await self._turn(manager, session)
            self._progress.show("")
            if self._output is not None:
                await self._output.aclose(self._cut)
        finally:
            await manager.aclose()
        return self._ended(answer)

    def _check_length(self, manager: SessionManager) -> None:
        try:
            manager.admission.check_length(self._question.typed)
        except InputTooLongError as error:
            hint = "Pipe it in or name a file with --attach; max_input_chars sets the limit."
            raise BrimError(error.sentence, hint=hint) from None

    def _interrupt(self, number: signal.Signals) -> None:
        """Stop the turn; the same signal again ends the process as it is."""
        asyncio.get_running_loop().remove_signal_handler(number)
        self._code = 128 + number
        self._cut.set()

    def _unwritable(self, error: OSError) -> None:
        self._code = UNREAD
        if not isinstance(error, BrokenPipeError):
            self._code = FAILED
            complain(f"Standard output cannot be written: {error.strerror}.")
        drop_output()
        self._cut.set()

    async def _session(self, manager: SessionManager) -> Session:
        asked = self._question
        persona = None
        if asked.persona is not None:
            folder, model = Paths.find().config, asked.model or asked.agent
            persona = persona_for(manager, folder, asked.persona, model=model, system=asked.system)
        if asked.session is None:
            session = await manager.create(system_prompt=asked.system)
            return await tuned(manager, session, persona, asked.parameters)
        session = await manager.find_session(asked.session)
        if asked.system is not None:
            session = await manager.tuning.set_system_prompt(session.id, asked.system)
        if (asked.model or asked.agent) and (model := await manager.default_model()):
            session = await manager.tuning.set_model(session.id, model)
        return await tuned(manager, session, persona, asked.parameters)

    async def _turn(self, manager: SessionManager, session: Session) -> Message:
        """Send the question, show what comes, and return the answer as it ended.

        Prompts that an earlier turn left in the session's queue go first. When one of them fails, the
        question stays in the queue, and the failed answer is returned.
        """
        self._ahead = len(session.queued)
        stopping = asyncio.create_task(self._stop_when_cut(manager, session.id))
        with manager.subscribe(session.id) as subscription:
            turn = await self._send(manager, session)
            waiting = asyncio.ensure_future(turn.wait())
            waiting.add_done_callback(lambda _: subscription.close())
            try:
                async for batch in subscription.batches():
                    for event in batch:
                        if (other := self._show(event)) is not None:
                            complain(
                                "The question waits in the session's queue: the one before it did not end."
                            )
                            return other
                return await waiting
            except asyncio.CancelledError:
                if waiting.cancelled():
                    raise BrimError("The turn ended without an answer.") from None
                raise
            finally:
                waiting.cancel()
                stopping.cancel()

    async def _send(self, manager: SessionManager, session: Session) -> Turn:
        """Send, or raise with the option that sends all the same; a session made for it is then taken back."""
        asked = self._question
        try:
            return await manager.send(
                session.id,
                asked.text,
                attachments=self._files,
                cleanup=asked.cleanup,
                over_budget=asked.over_budget,
                any_length=True,
            )
        except (AttachmentError, BudgetError, CleanupWantedError, WindowFullError) as error:
            if asked.session is None:
                await manager.delete(session.id)
            if isinstance(error, AttachmentError):
                raise
            raise BrimError(error.sentence, hint=self._way_on(error)) from None

    def _way_on(self, error: BrimError) -> str:
        match error:
            case BudgetError():
                return "`--over-budget` sends it all the same."
            case CleanupWantedError():
                return "`--cleanup` cleans up first, `--no-cleanup` sends it as it is."
            case _ if not self._question.cleanup:
                return "`--cleanup` lets old messages leave the window first."
        return error.hint

    async def _stop_when_cut(self, manager: SessionManager, session_id: str) -> None:
        await self._cut.wait()
        await manager.stop(session_id)

    def _show(self, event: TurnEvent) -> Message | None:
        """Show what an event says; returns an answer that ended before ours could begin, else ``None``."""
        match event:
            case TurnStarted(answer=answer):
                self._ahead -= 1
                self._answer_id = answer.id if self._ahead < 0 else ""
            case TextAdded(message_id=message_id, text=text) if message_id == self._answer_id:
                self._progress.show("")
                if self._output is not None:
                    self._output.write(text)
            case TurnProgressed(waiting=reason):
                self._progress.show(f"{visible_line(reason)} …" if reason else "")
            case WindowCleaned(receipt=receipt):
                self._progress.show("")
                complain(_cleaned(receipt))
            case BudgetWarned(sentence=sentence) | SummarySkipped(sentence=sentence):
                self._progress.show("")
                complain(sentence)
            case QueuePaused(sentence=sentence):
                raise BrimError(sentence, hint="The question waits in the session's queue.")
            case TurnFailed(answer=answer) | TurnFinished(answer=answer):
                if self._answer_id != answer.id and answer.status is not Status.COMPLETE:
                    return answer
        return None

    def _ended(self, answer: Message) -> int:
        """Say how it ended and return the exit code."""
        if self._question.as_json:
            write_json(_document(answer))
        if self._code != DONE:
            return self._code
        if answer.failure is not None:
            complain(answer.failure.sentence, answer.failure.hint)
        elif not self._question.as_json:
            if why := stop_words(answer):
                complain(f"The answer ends here: {why}.")
            if answer.from_cache:
                complain(
                    "This answer was kept from an earlier request: nobody was asked, and nothing is paid."
                )
        return DONE if answer.status is Status.COMPLETE else FAILED


def _cleaned(receipt: CleanupReceipt) -> str:
    done = []
    for ids, what in ((receipt.left_ids, "left the window"), (receipt.shortened_ids, "shortened to fit")):
        if ids:
            done.append(f"{len(ids)} message{'' if len(ids) == 1 else 's'} {what}")
    return f"Cleanup: {', '.join(done)}, ~{receipt.before_tokens:,} → ~{receipt.after_tokens:,} tokens."


async def _say_what_is_not_taken(manager: SessionManager, session: Session) -> None:
    """Say which of the session's parameters the model does not take, so that they are left out."""
    if given := session.parameters.given():
        taken = await manager.tuning.taken(session.model)
        for name in sorted(given.keys() - taken):
            option = name.replace("_", "-")
            complain(f"{session.model} does not take {option}: it is left out.")


async def _say_what_is_not_kept(manager: SessionManager, session: Session) -> None:
    """Say why the answer is not kept, where the person has asked for that."""
    if isinstance(manager.agents, CachedAgents) and (
        why := await manager.agents.why_not(session.model, session.parameters)
    ):
        complain(why)


def _document(answer: Message) -> dict[str, Any]:
    return {
        "session_id": answer.session_id,
        "message_id": answer.id,
        "model": answer.model,
        "output": answer.content,
        "status": answer.status.value,
        "usage": asdict(answer.usage) if answer.usage else None,
        "cost_usd": answer.cost_usd,
        "cache_saved_usd": answer.cache_saved_usd,
        "finish_reason": answer.finish_reason,
        "from_cache": answer.from_cache,
        "error": answer.failure.model_dump(mode="json") if answer.failure else None,
    }
