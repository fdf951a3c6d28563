"""The table of all rows, and a page of the figures with their rows."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from domino_sim.files import atomic_write
from validation.outcome import Outcome
from validation.row import DIFFERS, FAIL, PASS, Row

__all__ = ["counts", "lines", "markdown", "summary", "write_report"]

HEAD = ("claim", "reference", "ours", "verdict", "source")


def counts(outcomes: Iterable[Outcome]) -> str:
    """Return how many rows have which verdict, and how many figures broke off."""
    found = list(outcomes)
    parts = [f"{sum(o.count(v) for o in found)} {v}" for v in (PASS, DIFFERS, FAIL)]
    broken = sum(bool(o.error) for o in found)
    return ", ".join(parts) + (f"; {broken} broke off" if broken else "")


def lines(outcome: Outcome) -> list[str]:
    """Return a figure's rows as lines of text for the terminal."""
    figure = outcome.figure
    head = f"{figure.name}  {figure.title}  ({outcome.seconds:.0f} s)"
    if outcome.error:
        return [head, *(f"  {line}" for line in outcome.error.splitlines())]
    found = [head]
    for row in outcome.rows:
        remark = f"  ({row.remark})" if row.remark else ""
        numbers = f"reference {row.reference}, ours {row.ours}"
        found.append(f"  {row.verdict:7s} {row.claim}: {numbers}{remark}")
    return found


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return the rows of all figures as Markdown, a table a figure."""
    parts = []
    for outcome in outcomes:
        figure = outcome.figure
        parts.append(f"### {figure.name}: {figure.title}\n")
        parts.append(f"{figure.claim} ({figure.source}; {outcome.seconds:.0f} s.)\n")
        if outcome.note:
            parts.append(f"{outcome.note}\n")
        cells = [HEAD, ("---",) * len(HEAD), *map(_cells, outcome.rows)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n")
    return "\n".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    verdict = f"{row.verdict} ({row.remark})" if row.remark else row.verdict
    texts = (row.claim, str(row.reference), str(row.ours), verdict, row.source)
    return tuple(text.replace("|", "\\|") for text in texts)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return a table with a line a figure: verdicts and seconds."""
    cells = [("figure", "", PASS, DIFFERS, FAIL, "s"), ("---",) * 6]
    for outcome in outcomes:
        tallies = [str(outcome.count(v) or "") for v in (PASS, DIFFERS, FAIL)]
        if outcome.error:
            tallies[2] = "broke off"
        figure = outcome.figure
        cells.append((figure.name, figure.title, *tallies, f"{outcome.seconds:.0f}"))
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; }
img { max-width: 100%; } pre { background: #f4f4f4; padding: .6rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin: .6rem 0 2.4rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-top: 1px solid #ddd; }
.PASS { color: #00704f; } .DIFFERS { color: #8a5a00; } .FAIL { color: #b3261e; }
.verdict { font-weight: 600; } small { color: #555; } nav a { margin-right: .8rem; }
"""


def gallery(outcomes: Sequence[Outcome], out: Path, heading: str) -> str:
    """Return one HTML page that needs no other file."""
    esc = html.escape
    links = " ".join(
        f'<a class="{o.verdict}" href="#{esc(o.figure.name)}">{esc(o.figure.name)}</a>'
        for o in outcomes
    )
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>The paper, checked</title>',
        f"<style>{STYLE}</style><h1>The paper, checked</h1>",
        f"<p>{esc(heading)}</p><p>{esc(counts(outcomes))}</p><nav>{links}</nav>",
    ]
    for outcome in outcomes:
        figure = outcome.figure
        parts.append(f'<h2 id="{esc(figure.name)}">{esc(figure.name)}: {esc(figure.title)}</h2>')
        parts.append(f"<p>{esc(figure.claim)} <small>{esc(figure.source)}; ")
        parts.append(f"{outcome.seconds:.0f} s</small></p>")
        if outcome.error:
            parts.append(f'<p class="FAIL">It broke off.</p><pre>{esc(outcome.error)}</pre>')
            continue
        image = base64.b64encode((out / figure.name / outcome.image).read_bytes()).decode()
        parts.append(f'<img alt="{esc(figure.title)}" src="data:image/png;base64,{image}">')
        if outcome.note:
            parts.append(f"<p>{esc(outcome.note)}</p>")
        parts.append("<table><tr>" + "".join(f"<th>{h}</th>" for h in HEAD) + "</tr>")
        for row in outcome.rows:
            remark = f" <small>{esc(row.remark)}</small>" if row.remark else ""
            cells = "".join(f"<td>{esc(str(x))}</td>" for x in (row.claim, row.reference, row.ours))
            verdict = f'<span class="verdict {row.verdict}">{row.verdict}</span>{remark}'
            parts.append(f"<tr>{cells}<td>{verdict}</td><td>{esc(row.source)}</td></tr>")
        parts.append("</table>")
    return "\n".join(parts) + "</html>\n"


def write_report(outcomes: Sequence[Outcome], out: Path, heading: str) -> tuple[Path, Path]:
    """Write ``report.md`` and ``index.html`` to `out`, and return their paths."""
    text = f"{heading}\n\n{summary(outcomes)}\n{markdown([o for o in outcomes if not o.error])}"
    paths = out / "report.md", out / "index.html"
    atomic_write(paths[0], text)
    atomic_write(paths[1], gallery(outcomes, out, heading))
    return paths
