"""How a session is asked: its model, system prompt and parameters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from brim.core.agent import AgentSource
from brim.core.errors import AgentError
from brim.core.events import SessionChanged, TurnEvent
from brim.core.ledger import Ledger
from brim.core.parameters import Parameters
from brim.core.store.protocol import SessionStore
from brim.core.types import ModelInfo, Session

if TYPE_CHECKING:
    from brim.core.personas import Persona

RECENT_MODELS = 5
_SESSIONS_LOOKED_AT = 50


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

    async def meet(self, session_id: str) -> None:
        """Ask the one who answers next for its window, and tell the watchers: it may know better than was known before."""
        session = await self._store.session(session_id)
        if session.model is None:
            return
        try:
            agent = await self._agents.agent_for(session.model)
            if not self._ledger.has_met(session.model):
                await self._ledger.agent_found(session.model, agent)
        except AgentError:
            return
        session = await self._store.session(session_id)
        await self._ledger.usage(session)
        self._ledger.publish(session)

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

    async def use_persona(self, session_id: str, persona: Persona) -> Session:
        """Ask from now on as a persona says; what it leaves open stays. Raises `AgentError` for an unknown model."""
        fields: dict[str, object] = {"persona": persona.name}
        if persona.model:
            fields["model"] = self._agents.resolve(persona.model)
        if persona.system_prompt:
            fields["system_prompt"] = persona.system_prompt
        if persona.parameters:
            fields["parameters"] = persona.parameters
        session = await self._update(session_id, **fields)
        await self._ledger.model_changed(session)
        return session

    async def taken(self, model: str | None) -> frozenset[str]:
        """Return the names of the `Parameters` that a model takes; all of them where nobody can say."""
        if model is None:
            return frozenset(Parameters.model_fields)
        try:
            return (await self._agents.agent_for(model)).takes
        except AgentError:
            return frozenset(Parameters.model_fields)

    def in_effect(self, model: str | None, parameters: Parameters) -> dict[str, tuple[object, str]]:
        """Return the parameters that hold for a model, by name, each with the place that says it.

        Args:
            model: the model id.
            parameters: those of the session, which come first.
        """
        layers = (("session", parameters), *(self._agents.defaults(model) if model else ()))
        return {
            name: (value, place) for place, said in reversed(layers) for name, value in said.given().items()
        }

    def listing(self) -> AsyncIterator[list[ModelInfo]]:
        """Yield the models that can be named as far as they are known: at once, then the whole list again as servers answer."""
        return self._agents.listing()

    async def recent_models(self, limit: int = RECENT_MODELS) -> list[str]:
        """Return the models of the sessions changed last, then of the days before, newest first."""
        sessions = await self._store.list_sessions(limit=_SESSIONS_LOOKED_AT)
        found = dict.fromkeys(session.model for session in sessions if session.model)
        if len(found) < limit:
            spending = await self._store.spending()
            found |= dict.fromkeys(spent.model for spent in reversed(spending) if spent.model)
        return list(found)[:limit]

    async def save_draft(self, session_id: str, text: str) -> None:
        """Keep what is in the composer."""
        await self._store.update_session(session_id, draft=text)

    async def _update(self, session_id: str, **fields: object) -> Session:
        session = await self._store.update_session(session_id, **fields)
        self._publish(SessionChanged(session=session))
        return session
