"""The HTML page: whole, for itself, and dead to whatever a message holds."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from brim.core.export import export, file_name
from brim.core.export.branches import canonical, shown_branch
from brim.core.types import CleanupReceipt, Message, PromptParts, Session, ToolCall
from brim.core.usage import Usage
from tests.support.hostile import FORBIDDEN, HOSTILE
from tests.unit.test_export_formats import CONTEXT, MESSAGES, SESSION, SUMMARY

AT = datetime(2026, 3, 4, tzinfo=UTC)
_VOID = {"meta", "img", "br", "hr", "line", "rect", "path"}
_TAGS = (
    "html head meta title style body header main footer h1 h2 h3 h4 h5 h6 p a strong em s i b code pre ul ol li "
    "blockquote table thead tbody tr th td div span article aside details summary figure figcaption hr br img svg g "
    "line rect path text"
)
_ATTRIBUTES = (
    "charset http-equiv content name lang class id href rel src alt title style start width height x y x1 x2 y1 y2 d "
    "viewbox role aria-label"
)


class _Page(HTMLParser):
    """Checks that a page is well formed, and notes what is in it."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.sources, self.said = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in _TAGS.split(), tag
        self.tags.append(tag)
        for name, value in attrs:
            assert name in _ATTRIBUTES.split(), (tag, name)
            if name == "style":
                assert re.fullmatch(r"width:[\d.]+%|text-align:\w+", value), value
            if name == "href":
                self.links.append(value)
            if name == "src":
                self.sources.append(value)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    @property
    def text(self):
        return "".join(self.said)


def _page(session, messages, **options):
    return _Page(export(session, messages, "html", **options))


def test_it_tells_all_that_the_other_formats_tell():
    text = export(SESSION, MESSAGES, "html", context=CONTEXT)
    page = _Page(text)
    assert (
        "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        in text
    )
    assert 'name="viewport" content="width=device-width' in text
    for said in (
        'Borrow "checker": why? <b>',
        "openai:gpt-4o",
        "4 messages, 1,234 tokens, $0.00015 (1 of 2 turns priced)",
        "124,000 of 200,000 tokens (62%)",
        "~7 tokens · no longer in the model's window",
        "5 tokens · $0.00015 · pinned",
        "Failed: The connection was cut.",
        "124,000 → 74,000 tokens, 2 messages left the window",
        "Let me ``` think",
        "Tool: </summary><script> (done)",
        "above here the model no longer sees",
    ):
        assert said in page.text, said
    assert {link for link in page.links if not link.startswith("#m-")} == set()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_only_text(name):
    bad = HOSTILE[name] + '"><script>alert(1)</script><img src=x onerror=alert(1)>&#x3c;svg onload=1>'
    session = Session(id="a" * 16, title=bad, model=bad, system_prompt=bad, tags=(bad,), head_id="z")
    receipt = CleanupReceipt(
        before_tokens=9,
        after_tokens=5,
        left_ids=("y",),
        kept=1,
        pinned=0,
        reached_target=True,
        summary=SUMMARY.model_copy(update={"text": bad, "model": bad}),
    )
    messages = [
        Message(id="y", role="user", content=bad, created_at=AT, in_window=False),
        Message(
            id="z",
            parent_id="y",
            role="assistant",
            content=f"{bad}\n\n```{bad}\n{bad}\n```\n\n# {bad}\n\n| {bad} |\n|---|\n| {bad} |\n\n[{bad}](<{bad}>)",
            reasoning=bad,
            model=bad,
            created_at=AT,
            receipt=receipt,
            tool_calls=(ToolCall(id=bad, name=bad, arguments=bad, result=bad),),
        ),
    ]
    text = export(session, messages, "html")
    _Page(text)
    assert not (FORBIDDEN - {"\n"}) & set(text)


@pytest.mark.parametrize(
    ("source", "links", "sources"),
    [
        ("[a](https://x.org/?q=1&b=2)", ["https://x.org/?q=1&b=2"], []),
        ("[a](mailto:a@b.c) <https://y.org>", ["mailto:a@b.c", "https://y.org"], []),
        ("[a](javascript:alert(1))", [], []),
        ("[a](JaVaScRiPt:alert(1))", [], []),
        ("[a](&#106;avascript:alert(1))", [], []),
        ("[a](data:text/html,<script>)", [], []),
        ("[a](vbscript:x) [b](file:///etc/passwd) [c](//evil.org) [d](other.html)", [], []),
        ("[a](data:image/png;base64,AAAA)", [], []),
        ("![a](data:image/png;base64,AAAA)", [], ["data:image/png;base64,AAAA"]),
        ("![a](data:image/svg+xml;base64,AAAA)", [], []),
        ("![a](https://tracker/x.png)", ["https://tracker/x.png"], []),
        ('<https://x.org/"onmouseover=alert(1)>', None, []),
        ("[a]: javascript:alert(1)\n\n[a]", [], []),
    ],
)
def test_links_lead_to_the_web_and_to_mail_only(source, links, sources):
    text = export(Session(), [Message(role="assistant", content=source)], "html")
    page = _Page(text)
    assert page.sources == sources
    if links is not None:
        assert page.links == links
    assert text.count('rel="noopener') == len(page.links)
    assert "<script" not in text


def test_code_is_coloured_and_markdown_is_rendered():
    source = (
        "# Head\n\n```python\ndef f(): pass\n```\n\n```nolanguage\n<x>\n```\n\n- a\n- b\n\n~~gone~~ **b**\n"
    )
    text = export(Session(), [Message(role="assistant", content=source)], "html")
    assert '<span class="p-k">def</span>' in text
    assert ".code .p-k {" in text
    assert "&lt;x&gt;" in text
    assert {"h1", "ul", "li", "s", "strong"} <= set(_Page(text).tags)


@pytest.mark.parametrize(
    "source", ["> " * 5000 + "x", "[" * 20_000, "*a " * 20_000, "`" * 20_001, "- " * 3000 + "x"]
)
def test_nested_and_endless_markdown_ends(source):
    _page(Session(), [Message(role="assistant", content=source)])


def test_what_is_too_long_to_render_stands_as_it_is():
    page = _page(Session(), [Message(role="assistant", content="**x** " * 60_000)])
    assert "**x** **x**" in page.text


def _said(key, parent, minutes, **fields):
    at = AT + timedelta(minutes=minutes)
    return Message(
        id=key, parent_id=parent, role=fields.pop("role", "assistant"), content=key, created_at=at, **fields
    )


TREE = [
    _said("q", None, 0, role="user"),
    _said("a1", "q", 1),
    _said("a1-on", "a1", 2, role="user"),
    _said("a2", "q", 3),
    _said("a2-x", "a2", 4, role="user"),
    _said("a2-y", "a2", 5, role="user"),
    _said("a3", "q", 6),
]


@pytest.mark.parametrize("form", ["html", "md", "txt"])
def test_a_tree_shows_one_branch_and_has_the_others_beside_it(form):
    session = Session(head_id="a2-y")
    text = export(session, TREE[::-1], form)
    text = text[text.index("<main>") :] if form == "html" else text
    begins = [text.index(mark) for mark in ("‹1/3›", "a1-on", "‹3/3›", "‹2/3›", "‹1/2›", "‹2/2›")]
    assert begins == sorted(begins)
    if form == "html":
        assert text.count('<details class="branch">') == 3
        _Page(export(session, TREE, form))
    shown = export(session, shown_branch(session, TREE), form)
    assert "‹" not in shown
    assert "a1-on" not in shown
    assert "a2-y" in shown


def test_the_order_of_a_tree_is_always_the_same():
    assert [m.id for m in canonical(TREE[::-1])] == [m.id for m in TREE]
    deep = [_said(f"m{n}", f"m{n - 1}" if n else None, 0) for n in range(5000)]
    assert canonical(deep[::-1]) == deep
    assert shown_branch(Session(head_id="m9"), deep) == deep[:10]


def test_the_timeline_is_a_picture():
    messages = []
    for turn in range(1000):
        parts = PromptParts(system_tokens=10, pinned_tokens=5, history_tokens=85 + turn, window_tokens=2_048)
        receipt = CleanupReceipt(
            before_tokens=1_500, after_tokens=900, left_ids=(), kept=2, pinned=0, reached_target=True
        )
        messages += [
            Message(role="user", content="?"),
            Message(
                role="assistant",
                content="!",
                prompt_parts=parts,
                usage=Usage(input_tokens=100 + turn, output_tokens=7),
                receipt=receipt if turn == 700 else None,
            ),
        ]
    text = export(Session(), messages, "html")
    page = _Page(text)
    assert "Turn 701: 800 tokens reported, answer 7; cleanup 1,500 → 900" in page.text
    assert 100 < page.tags.count("g") <= 400
    assert text.count('class="drop"') == 1
    assert 'class="limit"' in text
    assert "<svg" not in export(Session(), messages[:2], "html")


@pytest.mark.parametrize(
    ("title", "session_id", "name"),
    [
        ("NUL", "0123456789abcdef", "nul-01234567.md"),
        ("trailing. . .", "0123456789abcdef", "trailing-01234567.md"),
        ("x", "../../etc/passwd", "x-etcpassw.md"),
        ("x", "…", "x-session.md"),
        ("\ud800 a", "0123456789abcdef", "a-01234567.md"),
    ],
)
def test_names_are_safe_whatever_title_and_id_say(title, session_id, name):
    assert file_name(Session(id=session_id, title=title), "md") == name


@pytest.mark.parametrize("letter", ["語", "𠀀", "é", "\u0301e"])
def test_names_are_short_in_bytes(letter):
    taken = set()
    for _ in range(12):
        name = file_name(Session(id="0123456789abcdef", title=letter * 500), "html", taken)
        assert len(name.encode()) <= 143
        assert name.casefold() not in taken
        taken.add(name.casefold())


def test_names_that_differ_in_letter_case_only_get_a_number():
    first = file_name(Session(id="aaaaaaaa11", title="Straße"), "md")
    other = file_name(Session(id="AAAAAAAA22", title="STRASSE"), "md", {first.casefold()})
    assert other.casefold() != first.casefold()
