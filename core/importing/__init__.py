"""Conversations from elsewhere: ChatGPT's and Claude's exports, the log of ``llm``, and brim's own JSON.

Archives are read a conversation at a time, so that memory does not grow with them. What cannot be read is told
and passed over.
"""

from __future__ import annotations

from brim.core.importing.archive import detect, read
from brim.core.importing.items import Imported, ImportFormatError, Kind, Position, Problem

__all__ = ["ImportFormatError", "Imported", "Kind", "Position", "Problem", "detect", "read"]
