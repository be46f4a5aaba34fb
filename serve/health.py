"""Whether the process runs, and whether it can answer."""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import Literal

from fastapi import APIRouter, Request, Response, Security
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, SecretStr

from brim.core import references
from brim.core.errors import SettingsError
from brim.serve.bearer import BEARER
from brim.serve.callers import is_loopback
from brim.serve.documented import refusals
from brim.serve.faults import RefusedCallError
from brim.serve.service import Check, Served, Service

_log = logging.getLogger(__name__)

router = APIRouter(tags=["health"])

_CHECK_S = 5.0
RETRY_S = 5
"""When to ask again whether the service is ready, in seconds."""


@router.head("/health", include_in_schema=False)
@router.get("/health")
async def health() -> dict[str, str]:
    """The process runs."""
    return {"status": "healthy"}


class Readiness(BaseModel):
    """Whether the service can answer."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str]
    """What was looked at: ``ok``, or what is wrong."""


@router.head("/readiness", include_in_schema=False)
@router.get(
    "/readiness",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something is missing."}},
)
async def readiness(service: Served) -> JSONResponse:
    """Everything that an answer needs is there; 503 with what is not."""
    names = list(service.checks)
    found = await asyncio.gather(*(_looked_at(service.checks[name]) for name in names))
    checks = {name: wrong or "ok" for name, wrong in zip(names, found, strict=True)}
    is_ready = not any(found)
    if service.is_ending:
        is_ready, checks["service"] = False, "it is ending"
    return JSONResponse(
        {"status": "ready" if is_ready else "not_ready", "checks": checks},
        200 if is_ready else 503,
        headers=None if is_ready else {"Retry-After": str(RETRY_S)},
    )


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={status: each for status, each in refusals(403).items() if status in (401, 403, 503)},
    dependencies=[Security(BEARER)],
    openapi_extra={"security": [{}, {BEARER.scheme_name: []}]},
)
async def metrics(request: Request, service: Served) -> Response:
    """What happened, for Prometheus: for those with the token, and without one for this machine only."""
    token = await _token(service)
    if token is not None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode()):
            raise RefusedCallError(401, "This needs the token of the metrics.", kind="key")
    elif request.client is None or not is_loopback(request.client.host):
        raise RefusedCallError(
            403, "The metrics are for this machine only.", hint="Set BRIM_SERVE_METRICS_TOKEN.", kind="key"
        )
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _token(service: Service) -> SecretStr | None:
    """Return what the metrics want as a token. Raises `RefusedCallError` (503)."""
    token = service.options.metrics_token
    if token is None or not references.is_reference(token.get_secret_value()):
        return token
    try:
        return await references.read(token.get_secret_value())
    except SettingsError as error:
        _log.error("the token of the metrics cannot be read: %s", error.sentence)
        raise RefusedCallError(
            503, "The token of the metrics cannot be read now.", kind="key", retry_after_s=RETRY_S
        ) from None


async def _looked_at(check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_S):
            return await check()
    except TimeoutError:
        return f"no answer within {_CHECK_S:g} seconds"
