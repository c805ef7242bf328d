"""Installs and builds what the contenders need, into bench/.env, bench/node_modules and bench/.build. Only when something
changed: a stamp remembers the files it was made from."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from contenders import BENCH, BUILD, ENV, Contender, node_home


def prepare(chosen: list[Contender]) -> None:
    BUILD.mkdir(exist_ok=True)
    compile_c(BENCH / "load.c", BUILD / "load")
    if any(each.name == "limit" for each in chosen):
        compile_c(BENCH / "peers/limit.c", BUILD / "limit")
    names = {each.name for each in chosen}
    if names & {"stock", "uvicorn", "picows", "ws", "eiows", "sio-uws", "uws"}:
        once("python", [BENCH / "requirements.txt"], install_python)
    if names & {"ws", "eiows", "sio-uws", "uws"}:
        once("node", [BENCH / "package.json", BENCH / "package-lock.json"], install_node)
    if "eiows" in names:
        once(
            "eiows",
            [BENCH / "package-lock.json", *(BENCH / "peers/eiows").rglob("*.h")],
            build_eiows,
        )


def compile_c(source: Path, target: Path) -> None:
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        run(os.environ.get("CC", "gcc"), "-O2", "-Wall", "-Wextra", "-o", str(target), str(source))


def once(name: str, files: list[Path], make: object) -> None:
    assert callable(make)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    stamp = BUILD / f"{name}.stamp"
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Installing what the {name} peers need …", flush=True)
    make()
    stamp.write_text(digest)


def install_python() -> None:
    if not (ENV / "bin/python").exists():
        run(sys.executable, "-m", "venv", str(ENV))
    pip = (
        str(ENV / "bin/python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
    )
    run(*pip, "-r", "bench/requirements.txt")


def install_node() -> None:
    npm = node_home() / "lib/node_modules/npm/bin/npm-cli.js"
    run(str(node_home() / "bin/node"), str(npm), "ci", "--ignore-scripts", "--silent", cwd=BENCH)


def build_eiows() -> None:
    """Compiled against the headers that come with Node. It wants one of Node's internal headers for TLS, which nobody
    uses here: peers/eiows has a stand-in for it."""
    gyp = node_home() / "lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js"
    folder = BENCH / "node_modules/eiows"
    path = f"{node_home() / 'bin'}:{os.environ['PATH']}"
    env = {**os.environ, "CPLUS_INCLUDE_PATH": str(BENCH / "peers/eiows"), "PATH": path}
    command = (
        str(node_home() / "bin/node"),
        str(gyp),
        "rebuild",
        "--silent",
        f"--nodedir={node_home()}",
    )
    run(*command, cwd=folder, env=env)


def run(*command: str, cwd: Path = BENCH.parent, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        print(done.stdout.decode(errors="replace")[-3000:], flush=True)
        raise SystemExit(f"{Path(command[0]).name} failed")
