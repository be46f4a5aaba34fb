"""The service as one ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from brim._version import __version__
from brim.core.archive import Archive
from brim.core.errors import AgentError, StoreError
from brim.core.sessions import SessionManager
from brim.core.types import Status
from brim.serve import chat, completions, health, sessions, turns
from brim.serve.allowance import Allowance
from brim.serve.bounds import BodyLimit
from brim.serve.callers import Door
from brim.serve.care import Care
from brim.serve.documented import Documented
from brim.serve.faults import add_handlers, told
from brim.serve.keys import KeyFile
from brim.serve.metrics import Metrics
from brim.serve.offer import Offer
from brim.serve.options import ServeOptions
from brim.serve.sentry import tell_of_failures
from brim.serve.service import Moderate, Service
from brim.serve.watching import Watching

_log = logging.getLogger(__name__)


def create_app(
    manager: SessionManager,
    options: ServeOptions,
    keys: KeyFile,
    *,
    moderate: Moderate | None = None,
    archive: Archive | None = None,
) -> FastAPI:
    """Return the service.

    Args:
        manager: the sessions, open; they are closed when the service ends.
        options: its settings.
        keys: who may use it.
        moderate: looks at each text before the model does.
        archive: keeps what is said elsewhere too; it is open, and closed when the service ends.
    """
    allowance, metrics = Allowance(options), Metrics(options)
    door = Door(keys, allowance, options.origins)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        manager.neighbours.watch()
        watchers = [asyncio.create_task(metrics.watch(manager))]
        if options.sentry_dsn is not None:
            watchers.append(asyncio.create_task(tell_of_failures(manager)))
        try:
            yield
        finally:
            if archive is not None:
                await archive.aclose()
            await manager.aclose(stopped_as=Status.INTERRUPTED)
            await asyncio.gather(*watchers, *app.state.service.accounting)
            await allowance.aclose()

    app = Documented(
        title="brim",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.service = Service(
        manager=manager,
        options=options,
        door=door,
        allowance=allowance,
        offer=Offer(manager.agents, options.models),
        care=Care(options.care, metrics.suspicious),
        metrics=metrics,
        moderate=moderate,
        checks={
            "store": lambda: _check_store(manager),
            "callers": lambda: _check_callers(door),
            "agent": lambda: _check_agent(manager),
        },
    )
    for router in (health.router, sessions.router, turns.router, chat.router, completions.router):
        app.include_router(router)
    add_handlers(app)
    app.add_middleware(BodyLimit, most_bytes=options.max_body_bytes, most_s=options.patience_s)
    if options.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=options.origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            expose_headers=["X-Session-Id", "X-Request-Id", "Retry-After"],
        )
    app.add_middleware(Watching, metrics=metrics)
    return app


async def _check_store(manager: SessionManager) -> str:
    try:
        await manager.list_sessions(limit=1)
    except StoreError as error:
        _log.error("the store failed: %s", error.sentence)  # its address is not for everyone who asks
        return "the sessions cannot be reached"
    return ""


async def _check_callers(door: Door) -> str:
    return "their keys cannot be checked" if door.trouble() else ""


async def _check_agent(manager: SessionManager) -> str:
    try:
        model = await manager.default_model()
        if model is None:
            return "no model can be used"
        await (await manager.agents.agent_for(model)).check()
    except AgentError as error:
        _log.error("no answer is possible: %s", error.sentence)
        return told(error).sentence
    return ""
