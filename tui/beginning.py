"""What is chosen for a session that does not exist yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from brim.core.parameters import Parameters
from brim.core.personas import Persona
from brim.core.types import Session

if TYPE_CHECKING:
    from brim.core.sessions import SessionManager


@dataclass(slots=True)
class Beginning:
    """Waits for the first message, which makes the session. ``None`` leaves a choice to the settings."""

    model: str | None = None
    system_prompt: str | None = None
    parameters: Parameters = field(default_factory=Parameters)
    persona: str = ""
    """The name of the persona, empty for none."""

    @classmethod
    def of(cls, persona: Persona, manager: SessionManager, model: str | None) -> Beginning:
        """Return what a persona says; ``model`` is taken where it names none. Raises `AgentError` for an unknown one."""
        return cls(
            model=manager.agents.resolve(persona.model) if persona.model else model,
            system_prompt=persona.system_prompt or None,
            parameters=persona.parameters,
            persona=persona.name,
        )

    def imagined(self, manager: SessionManager) -> Session:
        """Return the session that `make` would make, which is kept nowhere. Raises `AgentError` for an unknown model."""
        model = manager.agents.resolve(self.model) if self.model else None
        prompt = manager.in_force.now.system_prompt if self.system_prompt is None else self.system_prompt
        return Session(model=model, system_prompt=prompt, parameters=self.parameters)

    async def make(self, manager: SessionManager) -> Session:
        """Make the session. Raises as `SessionManager.create`."""
        session = await manager.create(model=self.model, system_prompt=self.system_prompt)
        if self.persona:
            rest = Persona(name=self.persona, parameters=self.parameters)
            return await manager.tuning.use_persona(session.id, rest)
        if self.parameters:
            return await manager.tuning.set_parameters(session.id, self.parameters)
        return session
