"""Asks whether anything we depend on has a known hole: the Python packages of the image, and npm's.

Fails for what is found, not for services out of reach: it says so and lets the work go on.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = "deploy/requirements.lock"
AUDIT_SECONDS = 120


def main() -> int:
    """Run both audits. 1 when either has found something."""
    return max(audit_python(), audit_npm())


def audit_python() -> int:
    """Look up the lock with pip-audit, which runs in an environment of its own."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        run(sys.executable, "-m", "pip", "install", "--quiet", "uv")
    tool = (str(uv), "tool", "run", "--quiet", "pip-audit", "--format=json")
    options = ("--require-hashes", "--disable-pip", "--progress-spinner=off")
    done = run(*tool, "--requirement", LOCK, *options)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        return skipped("the Python packages", "pip-audit's service")
    found = [(package, hole) for package in audited for hole in package["vulns"]]
    for package, hole in found:
        fixed = ", ".join(hole["fix_versions"]) or "nowhere yet"
        print(f"{package['name']} {package['version']}: {hole['id']}, fixed in {fixed}")
    print(f"Python packages: {len(audited)} audited, {len(found)} known vulnerabilities")
    return int(bool(found))


def audit_npm() -> int:
    """Look up what goes into the bundle, and what makes it."""
    done = run("npm", "audit", "--json")
    try:
        report = json.loads(done.stdout)
        found = report["metadata"]["vulnerabilities"]["total"]
    except (ValueError, KeyError, TypeError):
        return skipped("the npm packages", "npm's service")
    if found:
        print(run("npm", "audit").stdout)
    else:
        print("npm packages: 0 known vulnerabilities")
    return int(bool(found))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """What a program says. One that cannot be run says nothing, with exit code 2."""
    try:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=AUDIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 2, "", str(error))


def skipped(what: str, service: str) -> int:
    """Tell what was not looked up."""
    print(f"Not audited: {what}, since {service} cannot be reached from here")
    return 0


if __name__ == "__main__":
    sys.exit(main())
