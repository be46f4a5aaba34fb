"""The text of PDF files."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable

MOST_PAGES = 2_000


class NoPdfTextError(Exception):
    """There is no text to be had. The text says why, to stand behind the file's name."""


def pdf_text(data: bytes, *, most_chars: int, go_on: Callable[[], None]) -> str:
    """Return the text of a PDF file, its pages with a blank line between them.

    Args:
        data: the file.
        most_chars: more text than this is too much.
        go_on: called before each page; what it raises ends the reading.

    Raises:
        NoPdfTextError: it is broken, locked or too long, or its pages hold pictures only.
    """
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

    # It tells every oddity of a file; without a handler that would go to the terminal.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    pages: list[str] = []
    chars = 0
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise NoPdfTextError("needs a password")
        if len(reader.pages) > MOST_PAGES:
            raise NoPdfTextError(f"has {len(reader.pages):,} pages; {MOST_PAGES:,} are the most")
        for page in reader.pages:
            go_on()
            text = page.extract_text().strip()
            chars += len(text)
            if chars > most_chars:
                raise NoPdfTextError(f"holds too much text: more than {most_chars:,} characters")
            pages.append(text)
    except FileNotDecryptedError:
        raise NoPdfTextError("needs a password") from None
    except DependencyError:
        raise NoPdfTextError("is encrypted, which takes the package cryptography to read") from None
    except (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise NoPdfTextError("is broken: its text cannot be read") from error
    except (RecursionError, ZeroDivisionError, OSError, NotImplementedError) as error:
        raise NoPdfTextError("is broken: its text cannot be read") from error
    if not chars:
        raise NoPdfTextError("holds no text; its pages may be pictures")
    return "\n\n".join(page for page in pages if page)
