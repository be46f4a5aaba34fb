"""Whether the process runs, and whether it can answer."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from brim.serve.service import Check, Served

router = APIRouter(tags=["health"])

_CHECK_S = 5.0


@router.get("/health")
async def health() -> dict[str, str]:
    """The process runs."""
    return {"status": "healthy"}


@router.get("/readiness")
async def readiness(service: Served) -> JSONResponse:
    """Everything that an answer needs is there; 503 with what is not."""
    names = list(service.checks)
    found = await asyncio.gather(*(_looked_at(service.checks[name]) for name in names))
    checks = {name: wrong or "ok" for name, wrong in zip(names, found, strict=True)}
    is_ready = not any(found)
    return JSONResponse(
        {"status": "ready" if is_ready else "not_ready", "checks": checks}, 200 if is_ready else 503
    )


async def _looked_at(check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_S):
            return await check()
    except TimeoutError:
        return f"no answer within {_CHECK_S:g} seconds"
