"""The plugin that makes a skip a failure in CI, tried on made-up tests in a pytest of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

SKIPPED_TEST = """
import pytest

def test_runs():
    pass

def test_is_skipped():
    pytest.skip("no browser here")

@pytest.mark.xfail(reason="known")
def test_is_expected_to_fail():
    assert False
"""
SKIPPED_MODULE = 'import pytest\npytest.skip("no server here", allow_module_level=True)\n'


def run_pytest(folder: Path, source: str, *, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_made_up.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "tests.no_skips", "-c", os.devnull]
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, "--rootdir", str(folder), "-p", "no:cacheprovider", str(folder)],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_at_home_a_skip_is_a_skip(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, SKIPPED_TEST, ci="")

    assert result.returncode == 0, result.stdout
    assert "1 passed, 1 skipped, 1 xfailed" in result.stdout


def test_in_ci_a_skipped_test_fails_the_run_and_says_why(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, SKIPPED_TEST, ci="true")

    assert result.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed, 1 xfailed" in result.stdout
    assert "no browser here" in result.stdout


def test_in_ci_a_skipped_module_fails_the_run(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, SKIPPED_MODULE, ci="true")

    assert result.returncode != 0
    assert "no server here" in result.stdout
