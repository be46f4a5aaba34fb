"""How a session is asked: its model, system prompt and parameters."""

from __future__ import annotations

from collections.abc import Callable

from brim.core.agent import AgentSource
from brim.core.events import SessionChanged, TurnEvent
from brim.core.ledger import Ledger
from brim.core.parameters import Parameters
from brim.core.store.protocol import SessionStore
from brim.core.types import Session


class Tuning:
    """What a person sets for one session; `SessionManager.tuning` gives it. All of it counts from the next turn on.

    Args:
        store: where the sessions are.
        publish: tells the watchers.
        agents: know the names of models.
        ledger: is told what its figures no longer rest on.
    """

    def __init__(
        self,
        store: SessionStore,
        publish: Callable[[TurnEvent], None],
        *,
        agents: AgentSource,
        ledger: Ledger,
    ) -> None:
        self._store = store
        self._publish = publish
        self._agents = agents
        self._ledger = ledger

    async def set_model(self, session_id: str, model: str) -> Session:
        """Let another model answer. Raises `AgentError` for an unknown one."""
        session = await self._update(session_id, model=self._agents.resolve(model))
        await self._ledger.model_changed(session)
        return session

    async def set_system_prompt(self, session_id: str, text: str) -> Session:
        """Set the system prompt; no text takes it away."""
        session = await self._update(session_id, system_prompt=text)
        self._ledger.basis_changed(session)
        return session

    async def set_parameters(self, session_id: str, parameters: Parameters) -> Session:
        """Set the parameters, in place of all that were set before."""
        session = await self._update(session_id, parameters=parameters)
        self._ledger.publish(session)
        return session

    async def save_draft(self, session_id: str, text: str) -> None:
        """Keep what is in the composer."""
        await self._store.update_session(session_id, draft=text)

    async def _update(self, session_id: str, **fields: object) -> Session:
        session = await self._store.update_session(session_id, **fields)
        self._publish(SessionChanged(session=session))
        return session
