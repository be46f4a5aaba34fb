"""One message as lines: what stands where, what of its source each line shows, and how it grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from rich.style import Style

from brim.core.stop_reasons import stop_words
from brim.core.text import visible
from brim.tui.render.line import Line
from brim.tui.widgets import message_lines as shapes
from brim.tui.widgets.message_files import file_sections
from brim.tui.widgets.message_receipt import ReceiptView
from brim.tui.widgets.message_sections import Mark, Section, last_at
from brim.tui.widgets.plain_text import PlainText
from brim.tui.widgets.transcript_inks import TranscriptInks

if TYPE_CHECKING:
    from brim.core.types import Message, ToolCall
    from brim.tui.render.document import MarkdownDocument
    from brim.tui.thumbnails import Thumbnail

BAR = "│ "


class _Part:
    """Text of the message between two tool calls."""

    __slots__ = ("base", "document")

    def __init__(self, base: int, document: PlainText | MarkdownDocument) -> None:
        self.base = base
        self.document = document


class MessageView:
    """The lines of one message.

    It is laid out for a width and a set of styles, and again when something changed. ``live`` says that the
    answer is still being written.
    """

    def __init__(self, message: Message, unfolded: frozenset[str] = frozenset()) -> None:
        self.message = message
        self.live = message.status == "streaming"
        self.unfolded = set(unfolded)
        self.waiting = ""
        self.horizon = False
        self.branch: tuple[int, int] | None = None
        """Which of how many messages beside each other it is."""
        self.receipt = ReceiptView()
        self.pictures: dict[str, Thumbnail] = {}
        """Small pictures of the images that went with it, by the ids of the attachments."""
        self.sections: list[Section] = []
        self.height = 0
        self.changed_row = 0
        """The first row that the last layout may have changed."""
        self.chars = len(message.content)
        self.breaks = message.content.count("\n")
        self._content = [message.content]
        self._reasoning = [message.reasoning]
        self._calls: dict[str, ToolCall] = {call.id: call for call in message.tool_calls}
        self._parts: list[_Part] | None = None
        self._unshown: list[str] = []
        self._thoughts: PlainText | None = None
        self._details: dict[str, PlainText] = {}
        self._laid_out: tuple[int, TranscriptInks] | None = None
        self._drawn_for: tuple[int, TranscriptInks] | None = None

    # --- what it says -----------------------------------------------------------------------------

    @property
    def content(self) -> str:
        """The message's text as far as it has come."""
        if len(self._content) > 1:
            self._content = ["".join(self._content)]
        return self._content[0]

    @property
    def reasoning(self) -> str:
        """The model's reasoning as far as it has come."""
        if len(self._reasoning) > 1:
            self._reasoning = ["".join(self._reasoning)]
        return self._reasoning[0]

    @property
    def is_stale(self) -> bool:
        """Whether something changed since the last layout."""
        return self._laid_out is None

    def is_laid_out(self, width: int, inks: TranscriptInks) -> bool:
        """Whether the lines are those for this width and these styles."""
        return self._laid_out == (width, inks)

    def add_text(self, text: str) -> None:
        """Add text at the end. Costs next to nothing until the next layout."""
        self._content.append(text)
        self.chars += len(text)
        self.breaks += text.count("\n")
        self._unshown.append(text)
        self._laid_out = None

    def add_reasoning(self, text: str) -> None:
        """Add reasoning at its end."""
        self._reasoning.append(text)
        if self._thoughts is not None:
            self._thoughts.append(visible(text))
        self._laid_out = None

    def set_tool_call(self, call: ToolCall) -> None:
        """Show a tool call, in place of the one with the same id."""
        if call.id not in self._calls:
            self._parts = None
        self._calls[call.id] = call
        self._details.pop(call.id, None)
        self._laid_out = None

    def set_waiting(self, reason: str) -> bool:
        """Say what the answer waits for, nothing when empty; returns whether that is new."""
        changed = self.waiting != reason
        if changed:
            self.waiting = reason
            self._laid_out = None
        return changed

    def settle(self, message: Message) -> None:
        """Take the message as it is at its end. Text that is the same is not rendered again."""
        same = message.content == self.content and tuple(self._calls.values()) == message.tool_calls
        self.message = message
        self.live = message.status == "streaming"
        self.waiting = ""
        self._calls = {call.id: call for call in message.tool_calls}
        if not same:
            self._content, self._parts, self._unshown = [message.content], None, []
        self._reasoning, self._thoughts = [message.reasoning], None
        if self._parts is not None:
            self._show_added()
            for part in self._parts:
                part.document.finish()
        self._laid_out = None

    def refresh(self) -> None:
        """Lay out again although the text is the same."""
        self._laid_out = None

    def toggle(self, fold: str) -> None:
        """Fold what is unfolded, and the other way round."""
        self.unfolded ^= {fold}
        self._laid_out = None

    def folds(self) -> list[str]:
        """Return the names of everything that folds, in order."""
        receipt = ["receipt"] if self.message.receipt is not None else []
        return [*receipt, *(["reasoning"] if self.reasoning else []), *self._calls]

    # --- layout -----------------------------------------------------------------------------------

    def lay_out(self, width: int, inks: TranscriptInks, budget_s: float | None = None) -> bool:
        """Make the lines for ``width``, working for about ``budget_s`` seconds (`None`: until done).

        Returns whether they are made; until then the lines are those of before, if there were any.
        """
        if self.is_laid_out(width, inks):
            return True
        parts = self._show_added()
        if budget_s is not None and not (self.live and self._drawn_for == (width, inks)):
            until = perf_counter() + budget_s
            for part in parts:
                if not _render_some(part.document, width, inks, max(0.0, until - perf_counter())):
                    return False
        before, before_height = self.sections, self.height
        self.sections = list(self._build(width, inks, parts))
        self.height = sum(section.size for section in self.sections)
        self.changed_row = self._first_change(before, before_height)
        self._laid_out = self._drawn_for = (width, inks)
        return True

    def _first_change(self, before: list[Section], before_height: int) -> int:
        row = 0
        for old, new in zip(before, self.sections, strict=False):
            if old.key != new.key:
                return row
            if new.source is None:
                if old.lines != new.lines:
                    return row
            elif old.source is not new.source:
                return row
            else:
                changed = new.source.changed_from()
                if changed < max(old.size, new.size):
                    return row + changed
            row += new.size
        return min(row, before_height, self.height)

    def _show_added(self) -> list[_Part]:
        """Give the documents the text that came since the last layout."""
        if self._parts is None:
            self._parts = list(self._make_parts())
        elif self._unshown:
            text = "".join(self._unshown)
            document = self._parts[-1].document
            document.append(visible(text) if isinstance(document, PlainText) else text)
        self._unshown = []
        return self._parts

    def _make_parts(self) -> Iterator[_Part]:
        content = self.content
        if self.message.role != "assistant":
            yield _Part(0, PlainText(visible(content)))
            return
        from brim.tui.render.document import MarkdownDocument

        cuts = sorted({min(max(call.at, 0), len(content)) for call in self._calls.values()} - {0})
        for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
            document = MarkdownDocument()
            document.append(content[start:end])
            if not self.live or end < len(content):
                document.finish()
            yield _Part(start, document)

    def _build(self, width: int, inks: TranscriptInks, parts: list[_Part]) -> Iterator[Section]:
        message = self.message
        record = message.receipt
        if self.horizon:
            yield _lines("horizon", [shapes.horizon(inks, width)])
        folded_out = "receipt" in self.unfolded
        if record is not None and not record.after_answer:
            yield from self.receipt.sections(record, inks, width, unfolded=folded_out)
        yield _lines("header", [shapes.header(message, inks, width, live=self.live, branch=self.branch)])
        yield from self._build_reasoning(width, inks)
        yield from self._build_body(width, inks, parts)
        yield from file_sections(message, inks, width, self.pictures)
        if self.waiting and not self.content:
            words = visible(self.waiting).replace("\n", " ")
            yield _lines("waiting", shapes.wrapped(f"{words} …", "◌ ", inks.markdown.dim, width))
        elif self.live and not self.content and not self.reasoning and not self._calls:
            yield _lines("waiting", [shapes.line_of([("…", inks.markdown.dim)], width)])
        yield from self._build_marks(width, inks)
        if record is not None and record.after_answer:
            yield from self.receipt.sections(record, inks, width, unfolded=folded_out)
        yield _lines("gap", [shapes.BLANK])

    def _build_reasoning(self, width: int, inks: TranscriptInks) -> Iterator[Section]:
        reasoning = self.reasoning
        if not reasoning:
            return
        unfolded = "reasoning" in self.unfolded
        dim = inks.markdown.dim
        thinking = self.live and not self.content
        label = shapes.reasoning_fold(self.message, reasoning, unfolded, thinking)
        yield _lines("fold", [shapes.line_of([(label, dim)], width)], fold="reasoning")
        if unfolded:
            if self._thoughts is None:
                self._thoughts = PlainText(visible(reasoning), prefix=BAR)
            lines = self._thoughts.lines(width, dim + Style(italic=True))
            yield Section("reasoning", lines, len(lines), self._thoughts)
            yield _lines("space", [shapes.BLANK])

    def _build_body(self, width: int, inks: TranscriptInks, parts: list[_Part]) -> Iterator[Section]:
        calls = sorted(self._calls.values(), key=lambda call: call.at)
        after_calls = False
        for number, part in enumerate(parts):
            while calls and calls[0].at <= part.base:
                yield from self._build_call(calls.pop(0), width, inks)
                after_calls = True
            lines = _render(part.document, width, inks)
            if lines and part.document.source:
                if after_calls:
                    yield _lines("space", [shapes.BLANK])
                yield Section(f"text{number}", lines, len(lines), part.document, part.base)
                if calls:
                    yield _lines("space", [shapes.BLANK])
                after_calls = False
        for call in calls:
            yield from self._build_call(call, width, inks)

    def _build_call(self, call: ToolCall, width: int, inks: TranscriptInks) -> Iterator[Section]:
        unfolded = call.id in self.unfolded
        line = shapes.tool_fold(call, inks, width, unfolded, self.live)
        yield _lines(f"call {call.id}", [line], fold=call.id)
        if not unfolded:
            return
        if call.id not in self._details:
            text = "\n\n".join(filter(None, (call.arguments, call.result)))
            self._details[call.id] = PlainText(visible(text), prefix=BAR)
        lines = self._details[call.id].lines(width, inks.markdown.dim)
        yield Section(f"details {call.id}", lines, len(lines), self._details[call.id])

    def _build_marks(self, width: int, inks: TranscriptInks) -> Iterator[Section]:
        status, dim = self.message.status, inks.markdown.dim
        if status == "stopped":
            yield _lines("mark", [shapes.line_of([("■ stopped", inks.warning)], width)])
        elif status == "interrupted":
            words = "interrupted: brim ended while this was being written · r asks again"
            yield _lines("mark", shapes.wrapped(words, "■ ", inks.warning, width))
        elif status == "complete" and (words := stop_words(self.message)):
            yield _lines("mark", shapes.wrapped(words, "■ ", inks.warning, width))
        failure = self.message.failure
        if status == "failed" or failure is not None:
            sentence = visible(failure.sentence) if failure else "The answer failed."
            yield _lines("mark", shapes.wrapped(sentence, "✗ ", inks.error, width))
            if failure and failure.hint:
                yield _lines("hint", shapes.wrapped(visible(failure.hint), "  ", dim, width))
            yield _lines("retry", [shapes.line_of([("  r", inks.marker), (" retry", dim)], width)])

    # --- looking things up ------------------------------------------------------------------------

    def section_at(self, row: int) -> tuple[Section, int] | None:
        """Return the section of a row and the row's number in it; ``None`` outside."""
        if row < 0:
            return None
        for section in self.sections:
            if row < section.size:
                return section, row
            row -= section.size
        return None

    def line(self, row: int) -> Line:
        """Return a line; blank outside of the message."""
        found = self.section_at(row)
        return found[0].lines[found[1]] if found else shapes.BLANK

    def mark(self, row: int) -> Mark:
        """Return what row ``row`` shows."""
        found = self.section_at(row)
        if found is None:
            return Mark("gap", 0)
        section, index = found
        return Mark(section.key, 0 if section.source is None else section.lines[index].start, index)

    def row(self, mark: Mark) -> int:
        """Return the row that shows what ``mark`` names, or the one closest to it."""
        start = 0
        for section in self.sections:
            if section.key == mark.section:
                lines, index = section.lines, min(mark.number, section.size - 1)
                if section.source is None or lines[index].start == mark.place:
                    return start + index
                return start + last_at(lines, mark.place)
            start += section.size
        return 0

    def row_of_content(self, place: int) -> int:
        """Return the row that shows character ``place`` of the content."""
        start = best = 0
        for section in self.sections:
            if section.base is not None and section.base <= place:
                best = start + last_at(section.lines, place - section.base)
            start += section.size
        return best

    def code_blocks(self) -> list[str]:
        """Return the contents of the fenced code blocks, in order."""
        return [block for part in self._show_added() for block in part.document.code_blocks()]

    def code_at(self, row: int) -> int | None:
        """Return the number of the code block nearest to ``row``, in `code_blocks`; ``None`` without one."""
        rows = self._code_rows()
        return min(rows, key=lambda number: min(abs(row - at) for at in rows[number])) if rows else None

    def code_row(self, number: int) -> int:
        """Return the first row of a code block."""
        return self._code_rows()[number].start

    def _code_rows(self) -> dict[int, range]:
        """Return the rows of every code block that is shown."""
        found: dict[int, range] = {}
        start = blocks = 0
        for section in self.sections:
            if section.base is not None and section.source is not None:
                for index, line in enumerate(section.lines, start):
                    if line.code is not None:
                        first = found.get(blocks + line.code, range(index, index)).start
                        found[blocks + line.code] = range(first, index + 1)
                blocks += len(section.source.code_blocks())
            start += section.size
        return found


def _lines(key: str, lines: list[Line], fold: str = "") -> Section:
    return Section(key, lines, len(lines), fold=fold)


def _render(document: PlainText | MarkdownDocument, width: int, inks: TranscriptInks) -> Sequence[Line]:
    if isinstance(document, PlainText):
        return document.lines(width, inks.markdown.text)
    return document.lines(width, inks.markdown)


def _render_some(
    document: PlainText | MarkdownDocument, width: int, inks: TranscriptInks, budget_s: float
) -> bool:
    if isinstance(document, PlainText):
        return document.render_some(width, inks.markdown.text, budget_s)
    return document.render_some(width, inks.markdown, budget_s)
