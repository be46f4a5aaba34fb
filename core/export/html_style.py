"""The style of the HTML export: light and dark, from a phone upwards."""

from __future__ import annotations

from functools import cache

_PREFIX = "p-"

_STYLE = """
:root { color-scheme: light dark; --paper: #fcfcfa; --ink: #1d1f21; --soft: #62676d; --line: #dcdcd6; --box: #f1f1ec;
  --you: #e9f0fb; --link: #0b57b0; --bad: #ad1f1f; --good: #2b7a3f;
  --system: #7a5fb0; --summary: #2f7f86; --pinned: #b0661a; --history: #4a7ec4; --answer: #9dbbe3; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --ink: #e3e4e6; --soft: #9aa1a9; --line: #34383d;
  --box: #202327; --you: #1d2836; --link: #82b4f5; --bad: #f28b82; --good: #81c995;
  --system: #a58bd8; --summary: #5db3ba; --pinned: #dd9a4f; --history: #5b92dd; --answer: #375c8f; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 50rem; padding: 1rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0 .25rem; }
a { color: var(--link); }
.soft, .facts, figcaption { color: var(--soft); font-size: .85rem; }
.facts { margin: .15rem 0; }
.gauge { display: flex; height: .7rem; margin: .6rem 0 .2rem; border-radius: .35rem; overflow: hidden;
  background: var(--line); }
.gauge i { display: block; height: 100%; }
figure { margin: 1rem 0; }
.chart { overflow-x: auto; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
.chart svg { display: block; }
.system { background: var(--system); fill: var(--system); } .summary { background: var(--summary); fill: var(--summary); }
.pinned { background: var(--pinned); fill: var(--pinned); }
.history { background: var(--history); fill: var(--history); }
.answer { background: var(--answer); fill: var(--answer); }
.drop { stroke: var(--bad); stroke-width: 1.5; fill: none; stroke-dasharray: 3 2; }
.cut { fill: var(--bad); font-size: 11px; text-anchor: middle; }
.limit { stroke: var(--soft); stroke-dasharray: 2 3; }
.key { display: inline-block; width: .7em; height: .7em; border-radius: .15em; margin: 0 .3em 0 .8em; }
.key:first-child { margin-left: 0; }
article { margin: 1rem 0; padding: .1rem 0; }
article.by-user { background: var(--you); border-radius: .8rem; padding: .6rem .9rem; }
article.gone > .text, article.gone > details { opacity: .7; }
article > header { display: flex; flex-wrap: wrap; gap: .1rem .6rem; align-items: baseline; }
article > header strong { font-size: .95rem; }
article > header .soft { flex-basis: 100%; }
.mark { color: var(--soft); font-variant-numeric: tabular-nums; }
.text > :first-child { margin-top: .4rem; } .text > :last-child { margin-bottom: .2rem; }
.text h1 { font-size: 1.3rem; } .text h2 { font-size: 1.17rem; } .text h3, .text h4, .text h5, .text h6 { font-size: 1.05rem; }
.text h1, .text h2, .text h3, .text h4, .text h5, .text h6 { line-height: 1.3; margin: 1.1em 0 .4em; }
.text ul, .text ol { padding-left: 1.5rem; } .text li > p { margin: .3em 0; }
.text img { max-width: 100%; height: auto; }
.file { margin: .5rem 0; } .file img { max-width: 100%; max-height: 32rem; height: auto; border-radius: .4rem; }
pre { margin: .7rem 0; padding: .7rem .85rem; background: var(--box); border: 1px solid var(--line);
  border-radius: .5rem; overflow-x: auto; font-size: .84rem; line-height: 1.5; overflow-wrap: normal; tab-size: 4; }
pre.plain { white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
:not(pre) > code { background: var(--box); border-radius: .3rem; padding: .1em .3em; font-size: .88em; }
blockquote { margin: .7rem 0; padding: .05rem .9rem; border-left: 3px solid var(--line); color: var(--soft); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .92rem; overflow-wrap: normal; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
hr { border: 0; border-top: 1px solid var(--line); }
details { margin: .5rem 0; } summary { cursor: pointer; color: var(--soft); font-size: .88rem; }
.receipt { margin: .9rem 0; padding: .5rem .8rem; border: 1px dashed var(--line); border-radius: .5rem;
  color: var(--soft); font-size: .88rem; }
.receipt ol { margin: .3rem 0; padding-left: 1.4rem; }
.horizon { display: flex; align-items: center; gap: .8rem; margin: 1.4rem 0; color: var(--soft); font-size: .85rem;
  text-align: center; }
.horizon::before, .horizon::after { content: ""; flex: 1; border-top: 1px dashed var(--soft); }
.branch { margin: 1rem 0; padding: .3rem .9rem; border: 1px solid var(--line); border-radius: .6rem; }
.failed { color: var(--bad); } .pin { color: var(--pinned); }
footer { margin-top: 3rem; }
@media (max-width: 30rem) { body { padding: .6rem .7rem 3rem; } h1 { font-size: 1.25rem; } pre { font-size: .78rem; } .branch { padding: .2rem .5rem; } }
@media print { body { max-width: none; } article { break-inside: auto; } }
"""


@cache
def style() -> str:
    """Return the style sheet, the colours of code included."""
    dark = "\n".join(_code_colours("github-dark"))
    return f"{_STYLE}{chr(10).join(_code_colours('default'))}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _code_colours(name: str) -> list[str]:
    from pygments.formatters import HtmlFormatter

    rules = HtmlFormatter(style=name, classprefix=_PREFIX).get_style_defs(".code").splitlines()
    return [rule for rule in rules if rule.startswith(f".code .{_PREFIX}")]


def code_prefix() -> str:
    """Return what the classes of coloured code begin with."""
    return _PREFIX
