"""What sessions go by: how large windows are, when they are cleaned, what turns may cost, what may go out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from brim.core.cleanup import CleanupMode, CleanupRules
from brim.core.limits import NO_LIMITS, Limits
from brim.core.window import DEFAULT_WINDOW_TOKENS

if TYPE_CHECKING:
    from brim.core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What holds for all sessions of a manager; `brim.core.sessions.SessionManager` says what each means.

    Raises:
        ValueError: the window is no size.
    """

    context_window_size: int = DEFAULT_WINDOW_TOKENS
    rules: CleanupRules = field(default_factory=CleanupRules)
    cleanup_mode: CleanupMode = CleanupMode.AUTO
    summary_model: str | None = None
    max_tokens: int | None = None
    system_prompt: str = ""
    session_budget_usd: Decimal | None = None
    day_budget_usd: Decimal | None = None
    limits: Limits = NO_LIMITS

    def __post_init__(self) -> None:
        if self.context_window_size <= 0:
            raise ValueError("context_window_size must be positive")

    @classmethod
    def of(cls, settings: Settings) -> SessionSettings:
        """Return what the person's settings say."""
        return cls(
            context_window_size=settings.context_window_size,
            rules=CleanupRules(
                threshold=settings.cleanup_threshold,
                target=settings.cleanup_target,
                min_messages_to_keep=settings.min_messages_to_keep,
            ),
            cleanup_mode=CleanupMode(settings.cleanup_mode),
            summary_model=settings.summary_model,
            max_tokens=settings.max_tokens,
            system_prompt=settings.system_prompt,
            session_budget_usd=settings.session_budget_usd,
            day_budget_usd=settings.day_budget_usd,
            limits=settings.limits,
        )

    @property
    def own_window_tokens(self) -> int | None:
        """The person's own size for every window; ``None`` for the default, which only stands in."""
        return None if self.context_window_size == DEFAULT_WINDOW_TOKENS else self.context_window_size


class InForce:
    """The one place where those who run sessions read what holds now; nobody keeps a copy.

    Args:
        settings: what holds at first.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self.now = settings
        self._taken = settings

    def take(self, settings: SessionSettings) -> None:
        """Go on with other settings. A mode that was chosen for this time stays until the settings name another."""
        chosen = self.now.cleanup_mode if settings.cleanup_mode is self._taken.cleanup_mode else None
        self._taken = settings
        self.now = replace(settings, cleanup_mode=chosen or settings.cleanup_mode)

    def choose_mode(self, mode: CleanupMode) -> None:
        """Let others decide about cleanups for this time."""
        self.now = replace(self.now, cleanup_mode=mode)

    def choose_system_prompt(self, text: str) -> None:
        """Give new sessions another system prompt for this time."""
        self.now = replace(self.now, system_prompt=text)
