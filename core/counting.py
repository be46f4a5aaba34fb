"""How long the next prompt is by the word of whoever will read it, asked for by a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brim.core.agent import AgentSource
from brim.core.attached import with_files
from brim.core.attachments import Attachment
from brim.core.cleaner import Cleaner
from brim.core.errors import BrimError
from brim.core.ledger import Ledger
from brim.core.store.protocol import SessionStore
from brim.core.types import Message, Session
from brim.core.window import build_context, sent_with

NO_DRAFT = "?"
"""Stands for a question that is not written yet: no provider counts a prompt without one."""


@dataclass(frozen=True, slots=True)
class NextPrompt:
    """How many tokens the next prompt is."""

    tokens: int
    counted_by: str
    """The provider or the server that counted it, in words; empty for an estimate."""
    model: str
    has_draft: bool
    """Whether what the person is writing is in it."""


class Counting:
    """Counts prompts before they are sent; `SessionManager.counting` gives it.

    Args:
        store: where the window is.
        agents: know who answers next, and counts.
        ledger: estimates where nobody counts.
        cleaner: gives the summary that is sent.
    """

    def __init__(self, store: SessionStore, agents: AgentSource, ledger: Ledger, cleaner: Cleaner) -> None:
        self._store = store
        self._agents = agents
        self._ledger = ledger
        self._cleaner = cleaner

    async def next_prompt(
        self, session_id: str, draft: str = "", attachments: Sequence[Attachment] = ()
    ) -> NextPrompt:
        """Return how long the prompt would be if it were sent now, the system prompt and the window with it.

        Args:
            session_id: whose window it is.
            draft: what the person is writing; without it a single character stands for it.
            attachments: the files that go with it, with their data.

        Raises:
            BrimError: no model is chosen, or it could not be asked.
        """
        session = await self._store.session(session_id)
        before = await with_files(self._store, await self._store.window(session_id))
        summary = await self._cleaner.summary(session)
        return await self._count(session, before, summary.text if summary else "", draft, attachments)

    async def first_prompt(
        self, session: Session, draft: str = "", attachments: Sequence[Attachment] = ()
    ) -> NextPrompt:
        """Return how long the first prompt of a session that is not made yet would be; see `next_prompt`."""
        return await self._count(session, [], "", draft, attachments)

    async def _count(
        self,
        session: Session,
        before: Sequence[Message],
        summary: str,
        draft: str,
        attachments: Sequence[Attachment],
    ) -> NextPrompt:
        if session.model is None:
            raise BrimError("There is no model yet that could count.", hint="Choose one with F4.")
        agent = await self._agents.agent_for(session.model)
        has_draft = bool(draft.strip() or attachments)
        prompt = Message(
            role="user",
            content=draft if has_draft else NO_DRAFT,
            session_id=session.id,
            attachments=tuple(attachments),
        )
        counted = await agent.count_next(build_context(session, sent_with(before, prompt), summary))
        if counted is not None:
            return NextPrompt(counted.tokens, counted.by, session.model, has_draft)
        usage = await self._ledger.usage(session)
        weight = self._ledger.weigh_prompt(session.model, prompt.content, attachments) if has_draft else 0
        return NextPrompt(usage.used_tokens + weight, "", session.model, has_draft)
