"""How a request says whose it is."""

from __future__ import annotations

from fastapi.security import HTTPBearer

BEARER = HTTPBearer(
    auto_error=False, description="A key that `brim keys add` made. Not wanted where the service has no keys."
)
