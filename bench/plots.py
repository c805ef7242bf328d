"""Bar charts as small SVG files that read well on dark and light pages. One row per contender, one panel per size."""

from html import escape
from pathlib import Path
from typing import Any

LABELS, PANEL, GAP, ROW, TOP = 230, 200, 28, 26, 74  # pixels
VALUE = 62  # room for the number behind a bar

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .panel, .value { fill: #57606a }
  .bar { fill: #a9b4c0 }
  .ours { fill: #6d4aff }
  .limit { fill: #d5dbe1 }
  .own { font-weight: 600 }
  .axis { stroke: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .panel, .value { fill: #9aa4b1 }
    .bar { fill: #55606d }
    .ours { fill: #a18bff }
    .limit { fill: #414b57 }
  }
"""

Panel = tuple[str, dict[str, float]]  # its heading, a value for each contender


def draw(summary: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Writes the plots; returns the name of each file and what it shows in words."""
    settings = summary["settings"]
    rate = f"{settings['rate']:,}"
    steps = settings["steps"]
    wanted = [
        (
            "benchmark-saturated.svg",
            "Server CPU per delivery, as many as go (µs, less is better)",
            [(f"rooms of {size:,}", f"saturated_us_{size}") for size in settings["sizes"]],
        ),
        (
            "benchmark-fixed.svg",
            f"Server CPU per delivery at {rate} deliveries/s (µs, less is better)",
            [(f"rooms of {size:,}", f"fixed_us_{size}") for size in settings["sizes"]],
        ),
        (
            "benchmark-latency.svg",
            f"99 of 100 deliveries are there within, at {rate} deliveries/s (ms)",
            [(f"rooms of {size:,}", f"fixed_p99_ms_{size}") for size in settings["sizes"]],
        ),
        (
            "benchmark-memory.svg",
            "Memory per idle connection (KB, less is better)",
            [(f"{count:,} connections", f"connection_kb_{count}") for count in steps],
        ),
    ]
    drawn = []
    for name, title, columns in wanted:
        panels = [(heading, values_of(summary, figure)) for heading, figure in columns]
        if any(values for _, values in panels):
            (folder / name).write_text(chart(title, panels, summary["titles"]))
            drawn.append((name, title))
    return drawn


def values_of(summary: dict[str, Any], figure: str) -> dict[str, float]:
    return {
        name: figures[figure] for name, figures in summary["medians"].items() if figure in figures
    }


def chart(title: str, panels: list[Panel], titles: dict[str, str]) -> str:
    names = [name for name in titles if any(name in values for _, values in panels)]
    width = LABELS + len(panels) * (PANEL + GAP)
    height = TOP + len(names) * ROW + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="8" y="26">{escape(title)}</text>',
    ]
    for row, name in enumerate(names):
        own = " own" if name == "ours" else ""
        parts.append(
            f'<text class="name{own}" x="{LABELS - 10}" y="{TOP + row * ROW + 17}" '
            f'text-anchor="end">{escape(titles[name])}</text>'
        )
    for column, (heading, values) in enumerate(panels):
        x = LABELS + column * (PANEL + GAP)
        parts += [f'<text class="panel" x="{x}" y="{TOP - 14}">{escape(heading)}</text>']
        parts += bars(x, values, names)
    return "\n".join([*parts, "</svg>", ""])


def bars(x: int, values: dict[str, float], names: list[str]) -> list[str]:
    longest = max(values.values(), default=1) or 1
    bottom = TOP + len(names) * ROW
    parts = [f'<line class="axis" x1="{x}" y1="{TOP - 4}" x2="{x}" y2="{bottom}"/>']
    for row, name in enumerate(names):
        if name not in values:
            continue
        y, long = TOP + row * ROW, max(1.5, (PANEL - VALUE) * values[name] / longest)
        kind = name if name in ("ours", "limit") else "bar"
        own = " own" if name == "ours" else ""
        parts.append(f'<rect class="{kind}" x="{x}" y="{y + 4}" width="{long:.1f}" height="17"/>')
        parts.append(
            f'<text class="value{own}" x="{x + long + 6:.1f}" y="{y + 17}">'
            f"{readable(values[name])}</text>"
        )
    return parts


def readable(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
