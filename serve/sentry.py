"""Defects told to Sentry, without what users and models wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brim.core.errors import SettingsError
from brim.core.events import TurnFailed
from brim.core.sessions import SessionManager

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

_KINDS_OF_DEFECTS = ("agent", "defect", "bad_response", "store")
"""Failures of turns that somebody has to mend; the others are the provider's or the person's."""
_DROPPED = ("request", "extra", "breadcrumbs", "user", "server_name", "modules", "contexts", "logentry")


def start(dsn: str) -> None:
    """Tell Sentry of errors from now on.

    Raises:
        SettingsError: the package is missing, or the DSN is none.
    """
    try:
        import sentry_sdk
        from sentry_sdk.utils import BadDsn
    except ImportError:
        raise SettingsError(
            "Sentry's package is not installed.", hint="pip install 'brim[sentry]'."
        ) from None
    try:
        sentry_sdk.init(
            dsn=dsn,
            before_send=scrubbed,
            default_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
        )
    except BadDsn:
        raise SettingsError(
            "The DSN of Sentry is not right.", hint="Copy it from the project's settings."
        ) from None


def scrubbed(event: Event, hint: Hint) -> Event:
    """Return an event with nothing in it that a user, a model or a provider wrote."""
    del hint
    kept: dict[str, Any] = {name: value for name, value in event.items() if name not in _DROPPED}
    for error in kept.get("exception", {}).get("values", ()):
        error.pop("value", None)
    return kept  # type: ignore[return-value]  # a part of an event is one


async def tell_of_failures(manager: SessionManager) -> None:
    """Tell Sentry of turns that fail for want of mending, until the sessions are closed."""
    import sentry_sdk

    with manager.subscribe() as watcher:
        async for batch in watcher.batches():
            for event in batch:
                if isinstance(event, TurnFailed) and event.answer.failure is not None:
                    kind = event.answer.failure.kind
                    if kind in _KINDS_OF_DEFECTS:
                        with sentry_sdk.new_scope() as scope:
                            scope.set_tag("kind", kind)
                            scope.set_tag("model", event.answer.model or "")
                            scope.set_tag("session_id", event.session_id)
                            sentry_sdk.capture_message(f"a turn failed: {kind}", level="error")
