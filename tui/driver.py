"""What comes from the terminal: bytes that are no text end nothing, and what is pasted is never taken for keys."""

from __future__ import annotations

import codecs
import os
import selectors

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

_PASTE, _END_OF_PASTE = "\x1b[200~", "\x1b[201~"
_CHUNK_BYTES = 4096
_LOOK_S = 0.1
"""How long input is waited for before the parser hears that time has passed: a lone Escape is a key then."""


class PasteGuard:
    """Makes the escapes in pasted text visible, which would be read as keys where they begin no known sequence."""

    def __init__(self) -> None:
        self._is_pasting = False
        self._held = ""
        """The end of what came last, which may be the beginning of a mark."""

    def feed(self, text: str) -> str:
        """Return what may be read for keys and pastes; a part of a closing mark waits for the rest."""
        safe = ""
        if not self._is_pasting:
            before, mark, after = (self._held + text).partition(_PASTE)
            if not mark:
                self._held = before[1 - len(_PASTE) :]
                return text
            self._is_pasting = True
            safe, text, self._held = text[: len(text) - len(after)], after, ""
        pasted, mark, after = (self._held + text).partition(_END_OF_PASTE)
        if mark:
            self._is_pasting, self._held = False, ""
            return safe + _visible(pasted) + mark + self.feed(after)
        begun = _begun(pasted)
        self._held = pasted[len(pasted) - begun :]
        return safe + _visible(pasted[: len(pasted) - begun])


def _visible(text: str) -> str:
    return text.replace("\x1b", "␛")


def _begun(text: str) -> int:
    """Return how many characters at the end of ``text`` begin the mark that closes a paste."""
    return next((n for n in range(len(_END_OF_PASTE) - 1, 0, -1) if text.endswith(_END_OF_PASTE[:n])), 0)


class TerminalDriver(LinuxDriver):
    """Textual's own, but for how it reads."""

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except Exception as error:
            self._app.call_later(self._app._handle_exception, error)

    def run_input_thread(self) -> None:
        """Read until the app ends or the terminal is gone."""
        parser = XTermParser(self._debug)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        guard = PasteGuard()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_LOOK_S):
                    try:
                        data = os.read(self.fileno, _CHUNK_BYTES)
                    except OSError:
                        return
                    if not data:
                        return
                    if text := guard.feed(decoder.decode(data)):  # nothing would end the parser
                        for event in parser.feed(text):
                            self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
