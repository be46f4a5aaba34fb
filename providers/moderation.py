"""OpenAI's moderation endpoint: what a text is flagged for before a model sees it."""

from __future__ import annotations

from brim.providers.faults import openai_errors, openai_fault
from brim.providers.openai import OpenAIServer

MODEL = "omni-moderation-latest"


class Moderator:
    """Asks the moderation endpoint of a server.

    Args:
        server: OpenAI, or one that has the same endpoint.
    """

    def __init__(self, server: OpenAIServer) -> None:
        self._server = server

    async def flags(self, text: str) -> tuple[str, ...]:
        """Return the categories that a text is flagged for, none if it is let through.

        Raises:
            AgentError: the endpoint could not be asked.
        """
        asked = self._server.asked(MODEL)
        try:
            client = await self._server.client()
            answer = await client.moderations.create(model=MODEL, input=text)
        except openai_errors() as error:
            raise openai_fault(error, asked) from error
        categories = [result.categories.model_dump() for result in answer.results if result.flagged]
        return tuple(sorted({name for each in categories for name, is_flagged in each.items() if is_flagged}))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()
