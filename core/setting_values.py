"""What values settings may have: types that check, each with the words for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from brim.core.keys import KEY_WORDS, checked_key
from brim.core.parameter_texts import MUST_BE, stop_texts
from brim.core.parameters import Effort
from brim.core.store.urls import WORDS, checked_url


@dataclass(frozen=True, slots=True)
class MustBe:
    """What a right value is, in words that end the sentence "it must be ..."."""

    words: str


def _bare(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth value is neither a number nor a text")
    return value.strip() if isinstance(value, str) else value


def _key(value: SecretStr) -> SecretStr:
    return checked_key(value.get_secret_value())


def _url(url: str) -> str:
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.port == 0
        or not url.isprintable()
    ):
        raise ValueError("not a URL")
    return url


def _expanded(file: Path) -> Path:
    try:
        return file.expanduser()
    except RuntimeError as error:
        raise ValueError("nobody's home") from error


_MEMORY = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,3})?) ?(?P<unit>MB|GB|%)", re.IGNORECASE)


def _memory(text: str) -> str:
    if not bytes_of(text, 1 << 30):
        raise ValueError("no amount of memory")
    return text


def bytes_of(text: str, total_bytes: int) -> int:
    """Return the bytes that an amount of memory means, of which a share is one of ``total_bytes``; 0 for none."""
    if (match := _MEMORY.fullmatch(text)) is None:
        return 0
    units = {"mb": 1_000_000, "gb": 1_000_000_000, "%": total_bytes / 100}
    return int(float(match["number"]) * units[match["unit"].lower()])


def _stop(value: Any) -> Any:
    return stop_texts(value) if isinstance(value, str) else value


_Bare = BeforeValidator(_bare)
Key = Annotated[SecretStr, AfterValidator(_key), MustBe(KEY_WORDS)]
Url = Annotated[
    str,
    _Bare,
    AfterValidator(_url),
    MustBe("a URL that begins with http:// or https://, e.g. http://127.0.0.1:8080/v1"),
]
Name = Annotated[str, _Bare, Field(min_length=1), MustBe("a name")]
Text = Annotated[str, MustBe("text")]
Count = Annotated[int, _Bare, Field(gt=0), MustBe("a whole number above 0")]
CountOrZero = Annotated[int, _Bare, Field(ge=0), MustBe("a whole number, 0 or more")]
Seconds = Annotated[float, _Bare, Field(gt=0, allow_inf_nan=False), MustBe("a number of seconds above 0")]
Temperature = Annotated[float, _Bare, Field(ge=0, le=2), MustBe(MUST_BE["temperature"])]
TopP = Annotated[float, _Bare, Field(ge=0, le=1), MustBe(MUST_BE["top_p"])]
Stop = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_stop), MustBe(MUST_BE["stop"])
]
Seed = Annotated[int, _Bare, MustBe(MUST_BE["seed"])]
Thinking = Annotated[Effort, _Bare, MustBe(MUST_BE["reasoning_effort"])]
Share = Annotated[float, _Bare, Field(gt=0, le=1), MustBe("a share of the window, above 0 and at most 1")]
Mode = Annotated[Literal["auto", "ask", "off"], _Bare, MustBe("auto, ask or off")]
Dollars = Annotated[
    Decimal,
    _Bare,
    Field(gt=0, le=1_000_000, allow_inf_nan=False),
    MustBe("an amount in USD above 0 and at most 1000000"),
]
YesNo = Annotated[bool, MustBe("true or false")]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error", "off"],
    _Bare,
    MustBe("debug, info, warning, error or off"),
]
Memory = Annotated[
    str,
    _Bare,
    AfterValidator(_memory),
    MustBe("an amount of memory such as 12GB, or a share of it such as 60%"),
]
Store = Annotated[SecretStr, AfterValidator(checked_url), MustBe(WORDS)]
File = Annotated[Path, _Bare, AfterValidator(_expanded), MustBe("the path of a file")]
Folder = Annotated[Path, _Bare, AfterValidator(_expanded), MustBe("the path of a folder")]
