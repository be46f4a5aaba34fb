"""What is known of each model: how its tokenizer counts, and what its provider's errors said of its window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from brim.core.agent import AgentInterface
from brim.core.estimate import MESSAGE_OVERHEAD_TOKENS, Estimator
from brim.core.store.protocol import ModelFacts, SessionStore
from brim.core.window import Windows


class Scales:
    """One estimator for each model. What they and the windows learn is kept in the store."""

    def __init__(self, store: SessionStore, windows: Windows) -> None:
        self._store = store
        self._windows = windows
        self._estimators: dict[str, Estimator] = {}
        self._tokenizers: dict[str, Callable[[str], int] | None] = {}
        self._untaught = Estimator()
        self._learnt_windows: dict[str, int] = {}

    async def know(self, model: str | None, agent: AgentInterface | None = None) -> None:
        """Take in what was learnt about a model before, and the tokenizer of the agent that speaks for it."""
        if model and agent is not None and model not in self._tokenizers:
            self._tokenizers[model] = tokenize = await agent.tokenizer()
            if tokenize is not None:
                self._estimators.pop(model, None)
        if not model or model in self._estimators:
            return
        facts = await self._store.model_facts(model)
        if model in self._estimators:
            return
        tokenize = self._tokenizers.get(model)
        try:
            self._estimators[model] = (
                Estimator.from_state(facts.estimator, tokenize) if facts.estimator else Estimator(tokenize)
            )
        except ValueError:  # an estimator of another version
            self._estimators[model] = Estimator(tokenize)
        if facts.window_tokens is not None:
            self._learnt_windows[model] = facts.window_tokens
            self._windows.keep(model, facts.window_tokens)

    def weigh(self, model: str | None, text: str) -> int:
        """Return about how many tokens a message with ``text`` adds to a prompt."""
        return self._of(model).estimate(text) + MESSAGE_OVERHEAD_TOKENS

    def opening_tokens(self, model: str | None) -> int:
        """Return what the model's server puts before a conversation unasked, as far as known."""
        return self._of(model).opening_tokens

    async def learn(self, model: str | None, texts: Sequence[str], tokens: int, *, opening: bool) -> None:
        """Take in that messages with ``texts`` were ``tokens`` together; ``opening`` if they are a whole prompt."""
        counted = tokens - MESSAGE_OVERHEAD_TOKENS * len(texts)
        if model and texts and counted > 0:
            await self.know(model)
            self._estimators[model].learn(texts, counted, opening=opening)
            await self._keep(model)

    async def learn_window(self, model: str, window_tokens: int) -> None:
        """Take in the window that an error named."""
        self._windows.learn(model, window_tokens)
        self._learnt_windows[model] = window_tokens
        await self.know(model)
        await self._keep(model)

    async def _keep(self, model: str) -> None:
        facts = ModelFacts(
            estimator=tuple(self._estimators[model].state()), window_tokens=self._learnt_windows.get(model)
        )
        await self._store.keep_model_facts(model, facts)

    def _of(self, model: str | None) -> Estimator:
        return self._estimators.get(model or "", self._untaught)
