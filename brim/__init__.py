"""brim: a terminal chat client for large language models, and the async framework under it.

Everything public is here and is imported when it is first used, so that ``import brim`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brim._version import __version__

if TYPE_CHECKING:
    from brim.core.agent import AgentInterface, AgentSource, Counted
    from brim.core.attaching import AttachmentError, read_file, text_attachment
    from brim.core.attachments import Attachment
    from brim.core.budgets import BudgetError
    from brim.core.cleanup import CleanupMode
    from brim.core.context import ContextTracker, ContextUsage
    from brim.core.errors import (
        AgentError,
        AgentLoadError,
        AuthenticationError,
        BadRequestError,
        BadResponseError,
        BrimError,
        CleanupWantedError,
        ConnectionFailedError,
        ContextOverflowError,
        InputTooLongError,
        NewerStoreError,
        OverloadedError,
        RateLimitError,
        RefusedError,
        RequestTimeoutError,
        SessionBusyError,
        SessionNotFoundError,
        SettingsError,
        StoreError,
        WindowFullError,
    )
    from brim.core.events import (
        CarriedOver,
        Done,
        ReasoningDelta,
        StreamEvent,
        TextDelta,
        ToolFinished,
        ToolStarted,
        UsageReported,
        Waiting,
    )
    from brim.core.limits import Limits
    from brim.core.parameters import Parameters
    from brim.core.sessions import SessionManager
    from brim.core.store.sqlite import SQLiteStore
    from brim.core.types import (
        AgentConfig,
        AgentContext,
        AgentResponse,
        Carried,
        Message,
        ModelInfo,
        Session,
        Status,
        ToolCall,
    )
    from brim.core.usage import Usage
    from brim.providers.scripted import ScriptedAgent

_HOMES = {
    "brim.core.agent": ("AgentInterface", "AgentSource", "Counted"),
    "brim.core.attaching": ("AttachmentError", "read_file", "text_attachment"),
    "brim.core.attachments": ("Attachment",),
    "brim.core.parameters": ("Parameters",),
    "brim.core.budgets": ("BudgetError",),
    "brim.core.cleanup": ("CleanupMode",),
    "brim.core.context": ("ContextTracker", "ContextUsage"),
    "brim.core.errors": (
        "AgentError",
        "AgentLoadError",
        "AuthenticationError",
        "BadRequestError",
        "BadResponseError",
        "BrimError",
        "CleanupWantedError",
        "ConnectionFailedError",
        "ContextOverflowError",
        "InputTooLongError",
        "NewerStoreError",
        "OverloadedError",
        "RateLimitError",
        "RefusedError",
        "RequestTimeoutError",
        "SessionBusyError",
        "SessionNotFoundError",
        "SettingsError",
        "StoreError",
        "WindowFullError",
    ),
    "brim.core.events": (
        "CarriedOver",
        "Done",
        "ReasoningDelta",
        "StreamEvent",
        "TextDelta",
        "ToolFinished",
        "ToolStarted",
        "UsageReported",
        "Waiting",
    ),
    "brim.core.limits": ("Limits",),
    "brim.core.sessions": ("SessionManager",),
    "brim.core.store.sqlite": ("SQLiteStore",),
    "brim.core.types": (
        "AgentConfig",
        "AgentContext",
        "AgentResponse",
        "Carried",
        "Message",
        "ModelInfo",
        "Session",
        "Status",
        "ToolCall",
    ),
    "brim.core.usage": ("Usage",),
    "brim.providers.scripted": ("ScriptedAgent",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AgentConfig",
    "AgentContext",
    "AgentError",
    "AgentInterface",
    "AgentLoadError",
    "AgentResponse",
    "AgentSource",
    "Attachment",
    "AttachmentError",
    "AuthenticationError",
    "BadRequestError",
    "BadResponseError",
    "BrimError",
    "BudgetError",
    "Carried",
    "CarriedOver",
    "CleanupMode",
    "CleanupWantedError",
    "ConnectionFailedError",
    "ContextOverflowError",
    "ContextTracker",
    "ContextUsage",
    "Counted",
    "Done",
    "InputTooLongError",
    "Limits",
    "Message",
    "ModelInfo",
    "NewerStoreError",
    "OverloadedError",
    "Parameters",
    "RateLimitError",
    "ReasoningDelta",
    "RefusedError",
    "RequestTimeoutError",
    "SQLiteStore",
    "ScriptedAgent",
    "Session",
    "SessionBusyError",
    "SessionManager",
    "SessionNotFoundError",
    "SettingsError",
    "Status",
    "StoreError",
    "StreamEvent",
    "TextDelta",
    "ToolCall",
    "ToolFinished",
    "ToolStarted",
    "Usage",
    "UsageReported",
    "Waiting",
    "WindowFullError",
    "__version__",
    "read_file",
    "text_attachment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
