"""Which models the service lets its callers name."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from brim.core.agent import AgentSource
from brim.core.errors import AgentError
from brim.core.types import ModelInfo
from brim.serve.callers import Caller
from brim.serve.faults import RefusedCallError


class Offer:
    """The models that callers may name: whoever runs the service pays for what they are asked.

    There is the model of new sessions, and besides it what the operator names. Where there are no keys and
    nothing is named, whoever calls runs the service, and may name everything.

    Args:
        agents: where the models are.
        patterns: ids that may be named, with ``*`` and ``?`` as in the names of files.
    """

    def __init__(self, agents: AgentSource, patterns: Sequence[str]) -> None:
        self._agents = agents
        self._patterns = patterns

    async def models(self, caller: Caller) -> list[ModelInfo]:
        """Return what the caller may name and can be used now."""
        found = [model for model in await self._agents.models() if not model.unavailable]
        return [model for model in found if await self._is_for(model.id, caller)]

    async def model(self, name: str, caller: Caller, *, status: int = 422) -> str:
        """Return the id of the model that a caller names. Raises `RefusedCallError` with ``status``."""
        try:
            model = self._agents.resolve(name)
        except AgentError as error:
            if caller.key is not None:
                raise _unknown(status) from None
            raise RefusedCallError(status, error.sentence, hint=error.hint, kind="model_not_found") from None
        if not await self._is_for(model, caller):
            raise _unknown(status)
        return model

    async def _is_for(self, model: str, caller: Caller) -> bool:
        if caller.key is None and not self._patterns:
            return True
        return any(fnmatchcase(model, pattern) for pattern in self._patterns) or (
            model == await self._agents.default_model()
        )


def _unknown(status: int) -> RefusedCallError:
    return RefusedCallError(
        status, "There is no such model here.", hint="GET /v1/models lists them.", kind="model_not_found"
    )
