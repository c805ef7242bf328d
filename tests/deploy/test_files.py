"""What cannot be run here: the files of deploy/ and the Dockerfile fit the rest of the project."""

import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from flask_chat.settings import ABOUT, variable
from tests.servers import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGES = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]


def test_every_setting_in_the_files_exists() -> None:
    own = {"CHAT_SITE", "CHAT_HTTP_PORT", "CHAT_HTTPS_PORT", "CHAT_APP1", "CHAT_APP2"}  # Caddy's
    known = {variable(name) for name in ABOUT} | {"CHAT_SECRET_KEY_FILE"} | own
    files = [ROOT / "Dockerfile", *(path for path in DEPLOY.rglob("*") if path.is_file())]

    for file in files:
        named = set(re.findall(r"\bCHAT_[A-Z0-9_]+[A-Z0-9]\b", file.read_text()))
        assert named <= known, file


def test_the_image_copies_what_is_there_and_not_ignored() -> None:
    allowed = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE)
    sources = [source for line in copied for source in line.split()]

    assert len(sources) > 10
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in allowed), source


def test_the_image_does_not_run_as_root_and_says_whether_it_is_well() -> None:
    last = STAGES[-1]

    assert re.search(r"^USER 10001", last, flags=re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "/health" in last
    assert "pip" not in last
    assert 'ENTRYPOINT ["flask-chat"]' in last


def test_the_lock_of_the_image_has_the_pins_and_a_hash_for_everything() -> None:
    pins = _pins(ROOT / "constraints.txt")
    locked = _pins(DEPLOY / "requirements.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[<>=~ ]", each)[0] for each in project["dependencies"]}

    assert wanted <= locked.keys()
    assert {name: pins.get(name) for name in locked} == locked, "make constraints"
    for entry in re.split(r"\n(?=\S)", (DEPLOY / "requirements.lock").read_text().strip()):
        assert "--hash=sha256:" in entry


def test_compose_names_files_that_exist() -> None:
    text = (DEPLOY / "compose.yaml").read_text()

    assert "build: .." in text
    for file in re.findall(r"- \./(\S+?):", text):
        assert (DEPLOY / file).exists()
    assert "deploy/secret_key" in (ROOT / ".gitignore").read_text()


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_understands_the_units(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (scripts/setup systemd)")
    for each in UNITS:
        program = tmp_path / "flask-chat"
        text = each.read_text().replace("/opt/flask-chat/bin/flask-chat", str(program))
        (tmp_path / each.name).write_text(text)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    name = unit.name.replace("@.", "@5001.")

    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )

    # What it says of units that Debian itself has installed is not our business.
    about_ours = [line for line in said.stderr.splitlines() if "flask-chat" in line]
    assert about_ours == []


@pytest.mark.parametrize("name", ["flask-chat.service", "flask-chat@.service"])
def test_the_units_leave_little_to_attack(name: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (scripts/setup systemd)")
    unit = str(DEPLOY / "systemd" / name)
    said = subprocess.run(
        [*["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager"], unit],
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.returncode == 0, said.stdout + said.stderr


def _pins(file: Path) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", file.read_text(), flags=re.MULTILINE)
    return dict(found)
