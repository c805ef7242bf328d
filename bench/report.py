"""Lines while it runs, tables at the end, docs/benchmarks.md with its plots."""

import json
import statistics
from pathlib import Path
from typing import Any

import plots
from contenders import BENCH, ROOT
from summary import Summary, kb_each

LATEST = BENCH / "results/latest.json"
DOCS = ROOT / "docs/benchmarks.md"
START, END = (
    "<!-- figures: bench/run writes what is between these lines -->",
    "<!-- end of figures -->",
)


def line_of_rooms(name: str, size: int, result: dict[str, Any]) -> str:
    words = [f"{name:10} rooms of {size:<5}"]
    if phase := result.get("saturated"):
        words.append(
            f"saturated {phase['server_us_per_delivery']:7.2f} µs/delivery {phase['deliveries_per_second']:9,.0f}/s"
        )
        words.append(
            f"joined {phase['frames_per_read']:.1f}, server {phase['server_busy']:.0%}, load {phase['load_busy']:.0%} |"
        )
    if phase := result.get("fixed"):
        words.append(
            f"fixed {phase['server_us_per_delivery']:6.1f} µs/delivery, p50 {phase['p50_ms']:.2f} p99 {phase['p99_ms']:.2f} ms |"
        )
    words.append("ok" if result["checked"]["good"] else "NOT GOOD")
    return " ".join(words)


def line_of_idle(name: str, result: dict[str, Any]) -> str:
    step = result["steps"][0]
    words = (
        f"{name:10} idle {step['connections']:6,}  {kb_each(result, step):5.1f} KB a connection, "
        f"{step['rss_kb'] / 1024:.0f} MB in all, connect {step['connect_ms']:.3f} ms, "
        f"leave {result['disconnect']['ms']:.3f} ms, talk p99 {result['fixed']['p99_ms']:.1f} ms"
        f"{'' if result['checked']['good'] else ' NOT GOOD'}"
    )
    if not result["rest_join_ms"]:
        return words
    bare = kb_each(result, step, "rss_empty_kb")
    return f"{words} | without the member {bare:.1f} KB, REST join {result['rest_join_ms']:.2f} ms"


# ---- tables ----------------------------------------------------------------------------------------------------------


def table(
    summary: Summary, heading: str, columns: list[tuple[str, str, int]], *, ratios: bool = True
) -> str:
    """Rows are contenders; a column is its heading, the figure's name and its decimals. (×) is the ratio to ours."""
    medians = summary["medians"]
    columns = [
        column for column in columns if any(column[1] in figures for figures in medians.values())
    ]
    if not columns:
        return ""
    own = medians.get("ours", {})
    rows = [f"| {heading} | " + " | ".join(title for title, _, _ in columns) + " |"]
    rows.append("|---" + "|--:" * len(columns) + "|")
    for name, figures in medians.items():
        cells = []
        for _, figure, decimals in columns:
            value = figures.get(figure)
            if value is None:
                cells.append("–")
                continue
            cell = f"{value:,.{decimals}f}"
            if ratios and name != "ours" and own.get(figure):
                cell += (
                    f" ({value / own[figure]:.2g} ×)"
                    if value / own[figure] < 10
                    else f" ({value / own[figure]:.0f} ×)"
                )
            cells.append(f"**{cell}**" if name == "ours" else cell)
        title = summary["titles"][name]
        rows.append(
            f"| {'**' + title + '**' if name == 'ours' else title} | " + " | ".join(cells) + " |"
        )
    return "\n".join(rows) + "\n"


def tables(summary: Summary) -> str:
    steps = summary["settings"]["steps"]
    sizes = summary["settings"]["sizes"]
    parts = [
        table(
            summary,
            "CPU µs per delivery, saturated",
            [(f"rooms of {n:,}", f"saturated_us_{n}", 2) for n in sizes],
        ),
        table(
            summary,
            "Deliveries per second, saturated",
            [(f"rooms of {n:,}", f"saturated_per_second_{n}", 0) for n in sizes],
            ratios=False,
        ),
        table(
            summary,
            f"CPU µs per delivery at {summary['settings']['rate']:,} deliveries/s",
            [(f"rooms of {n:,}", f"fixed_us_{n}", 1) for n in sizes],
        ),
        table(
            summary,
            "Latency in ms at that rate",
            [
                (f"{p}, rooms of {n:,}", f"fixed_{p}_ms_{n}", 2)
                for n in sizes
                for p in ("p50", "p99")
            ],
            ratios=False,
        ),
        table(
            summary,
            "KB of memory per idle connection",
            [(f"{n:,} connections", f"connection_kb_{n}", 1) for n in steps],
        ),
        table(
            summary,
            "The same at 5,000 deliveries/s in rooms of 10",
            [
                *((f"µs per delivery, {n:,} there", f"talk_us_{n}", 1) for n in steps),
                *((f"p99 ms, {n:,} there", f"talk_p99_ms_{n}", 1) for n in steps),
                (f"MB in all, {steps[-1]:,} there", f"rss_mb_{steps[-1]}", 0),
            ],
            ratios=False,
        ),
        table(
            summary,
            "CPU ms",
            [
                *((f"connect + join + welcome, {n:,}", f"connect_ms_{n}", 3) for n in steps),
                *((f"leave, {n:,} there", f"leave_ms_{n}", 3) for n in steps),
            ],
        ),
    ]
    return "\n".join(part for part in parts if part)


def facts(summary: Summary) -> str:
    machine, settings = summary["machine"], summary["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    return "\n\n".join(
        part
        for part in (
            f"Measured {summary['made_at'][:10]} on {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_gb']} GB, {machine['system']}, Linux {machine['kernel']}, Python "
            f"{machine['python']}; server on one core, load on the other. Medians of {settings['rounds']} "
            f"interleaved rounds of {settings['seconds']:g} s; {settings['connections']:,} connections, "
            f"40 senders, {settings['in_flight']} messages of each room in flight when saturated. "
            "In brackets: how many times our figure.",
            checked(summary),
            quiet(summary),
            members(summary),
            f"Versions: {versions}.\n",
        )
        if part
    )


def checked(summary: Summary) -> str:
    wrong = summary["not_good"]
    if not wrong:
        return "Every delivery was checked: none missing, doubled or out of order."
    who = ", ".join(sorted({summary["titles"][each["contender"]] for each in wrong}))
    return f"Every delivery was checked; not all came whole and in order from: {who} (see the JSON file)."


def quiet(summary: Summary) -> str:
    """How much of a core others took meanwhile: latencies mean little on a busy machine."""
    shares = [
        value
        for figures in summary["medians"].values()
        for figure, value in figures.items()
        if "_others_busy_" in figure
    ]
    share = statistics.median(shares) if shares else 0
    if share < 0.1:
        return ""
    return f"**The machine was not ours alone**: other programs took {share:.0%} of a core. Latencies suffer most."


def members(summary: Summary) -> str:
    """What of our memory is the member, not the connection: the peers keep nothing of the kind."""
    own, steps = summary["medians"].get("ours", {}), summary["settings"]["steps"]
    bare = [
        f"{own[f'bare_connection_kb_{n}']:.1f} KB at {n:,}"
        for n in steps
        if f"bare_connection_kb_{n}" in own
    ]
    if not bare:
        return ""
    return (
        "Memory of ours counts each connection together with its member (name, role, line in the log), made over REST "
        f"for {own[f'rest_join_ms_{steps[0]}']:.2f} ms of CPU; connecting members who are there already adds "
        f"{', '.join(bare)}."
    )


# ---- files -----------------------------------------------------------------------------------------------------------


def write(summary: Summary, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> Summary:
    found: Summary = json.loads(path.read_text())
    return found


def write_docs(summary: Summary) -> None:
    drawn = plots.draw(summary, DOCS.parent)
    images = "\n\n".join(f"![{alt}]({name})" for name, alt in drawn)
    text = DOCS.read_text()
    before, rest = text.split(START)
    after = rest.split(END)[1]
    DOCS.write_text(
        f"{before}{START}\n\n{facts(summary)}\n{images}\n\n{tables(summary)}\n{END}{after}"
    )
