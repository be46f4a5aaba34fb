"""Walking through earlier prompts without losing what was being typed."""

from __future__ import annotations

_LONGEST = 500


class Recall:
    """Earlier prompts, newest first, with the draft in front of them.

    A step keeps the text of the place that is left, so an edited prompt and the draft are found again on
    the way back.
    """

    def __init__(self) -> None:
        self._prompts: list[str] = []
        self._edits: dict[int, str] = {}
        self._at = -1
        """The place in ``_prompts``; -1 is the draft."""

    @property
    def is_walking(self) -> bool:
        """Whether an earlier prompt stands in the composer."""
        return self._at >= 0

    def fill(self, prompts: list[str]) -> None:
        """Take prompts from the store, newest first; those of this run stay in front."""
        known = set(self._prompts)
        self._prompts.extend(text for text in prompts if text not in known)

    def older(self, text: str) -> str | None:
        """Leave ``text`` and return the prompt before it; ``None`` when there is none."""
        return self._go(self._at + 1, text)

    def newer(self, text: str) -> str | None:
        """Leave ``text`` and return the prompt after it, at last the draft; ``None`` at the draft."""
        return self._go(self._at - 1, text)

    def _go(self, to: int, text: str) -> str | None:
        if not -1 <= to < len(self._prompts):
            return None
        self._edits[self._at] = text
        self._at = to
        return self._edits.get(to, "" if to < 0 else self._prompts[to])

    def sent(self, text: str) -> str:
        """Put ``text`` in front of the prompts and return the draft that waited behind it, mostly empty."""
        draft = self._edits.get(-1, "") if self.is_walking else ""
        if text in self._prompts:
            self._prompts.remove(text)
        self._prompts.insert(0, text)
        del self._prompts[_LONGEST:]
        self.leave()
        return draft

    def leave(self) -> None:
        """Forget the walk: what stands in the composer is the draft."""
        self._edits.clear()
        self._at = -1
