"""What the service does, for Prometheus. The names that the operations guide has are kept."""

from __future__ import annotations

import logging
import time
from collections import deque
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from brim.core.events import TurnFailed, TurnFinished, TurnStarted, WindowCleaned
from brim.core.sessions import SessionManager
from brim.core.types import Message
from brim.core.usage import Usage
from brim.serve.care import Suspicion
from brim.serve.options import ServeOptions

_log = logging.getLogger(__name__)

_HOUR_S = 3600.0
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counts what happens.

    Args:
        options: from which cost on a spike is told of.
    """

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "agent_requests_total", "Requests.", ["method", "path", "status"], registry=registry
        )
        self.duration = Histogram(
            "agent_request_duration_seconds",
            "Seconds from a request to the end of its answer.",
            ["method", "path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._turns = Counter(
            "agent_turns_total", "Turns that ended.", ["model", "status"], registry=registry
        )
        self._first_token = Histogram(
            "agent_first_token_seconds",
            "Seconds from a turn's request to its first text.",
            ["model"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokens = Counter("agent_tokens_used_total", "Tokens.", ["model", "bucket"], registry=registry)
        self._cost = Counter(
            "agent_cost_usd_total", "Cost of the turns with a price.", ["model"], registry=registry
        )
        self._errors = Counter("agent_errors_total", "Turns that failed.", ["kind"], registry=registry)
        self._cleanups = Counter("agent_context_cleanups_total", "Cleanups of windows.", registry=registry)
        self._running = Gauge("agent_active_sessions", "Sessions that are being answered.", registry=registry)
        self.streams = Gauge("agent_active_streams", "Event streams that are open.", registry=registry)
        self._suspicious = Counter("agent_suspicious_total", "Suspicious texts.", ["kind"], registry=registry)
        self._spikes = Counter("agent_cost_spikes_total", "Costs above an alert.", ["of"], registry=registry)
        self._hour: deque[tuple[float, Decimal]] = deque()
        self._has_alerted_at = -_HOUR_S

    def text(self) -> bytes:
        """Return all of it in Prometheus' form."""
        return generate_latest(self._registry)

    def suspicious(self, kind: Suspicion) -> None:
        """Count a suspicious text."""
        self._suspicious.labels(kind).inc()

    def moderated(self) -> None:
        """Count a text that the moderation did not let through."""
        self._suspicious.labels("moderation").inc()

    async def watch(self, manager: SessionManager) -> None:
        """Count what happens in all sessions, until they are closed."""
        with manager.subscribe() as watcher:
            async for batch in watcher.batches():
                for event in batch:
                    match event:
                        case TurnFinished(answer=answer) | TurnFailed(answer=answer):
                            self.ended(answer)
                        case WindowCleaned(receipt=receipt) if not receipt.undone:
                            self._cleanups.inc()
                        case TurnStarted():
                            pass
                        case _:
                            continue
                    self._running.set(len(manager.running()))

    def ended(self, answer: Message) -> None:
        """Count a turn that has ended."""
        model = answer.model or "none"
        self._turns.labels(model, answer.status).inc()
        if answer.first_token_s is not None:
            self._first_token.labels(model).observe(answer.first_token_s)
        if answer.failure is not None:
            self._errors.labels(answer.failure.kind).inc()
        if answer.usage is not None:
            self.used(model, answer.usage)
        if answer.cost_usd is not None:
            self._cost.labels(model).inc(float(answer.cost_usd))
            self._look_at_cost(answer.cost_usd, answer.session_id)

    def used(self, model: str, usage: Usage) -> None:
        """Count tokens by bucket."""
        for bucket, tokens in (
            ("input", usage.input_tokens),
            ("cache_read", usage.cache_read_tokens),
            ("cache_write", usage.cache_write_tokens),
            ("output", usage.output_tokens),
        ):
            self._tokens.labels(model, bucket).inc(tokens)

    def _look_at_cost(self, cost_usd: Decimal, session_id: str) -> None:
        if (most := self._options.turn_alert_usd) is not None and cost_usd > most:
            self._spikes.labels("turn").inc()
            _log.warning("a turn was dear", extra={"session_id": session_id, "cost_usd": str(cost_usd)})
        now = time.monotonic()
        self._hour.append((now, cost_usd))
        while self._hour[0][0] < now - _HOUR_S:
            self._hour.popleft()
        total = sum((cost for _, cost in self._hour), Decimal(0))
        most = self._options.hour_alert_usd
        if most is not None and total > most and now - self._has_alerted_at >= _HOUR_S:
            self._has_alerted_at = now
            self._spikes.labels("hour").inc()
            _log.warning("an hour was dear", extra={"cost_usd": str(total), "turns": len(self._hour)})
