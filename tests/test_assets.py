"""The browser bundle: what its files are called, and that a missing or stale one is noticed."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from flask_chat import assets

DIST = assets.ASSETS / "static/dist"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout whose bundle is fresh."""
    for name, text in {
        "package.json": "{}",
        "package-lock.json": "{}",
        "scripts/bundle.mjs": "",
        "static/css/style.css": "body {}",
        "static/js/room.js": "import './lib/dom.js'",
        "static/js/lib/dom.js": "",
        "static/dist/room-AAAA1111.js": "",
        "static/dist/manifest.json": json.dumps({"room.js": "room-AAAA1111.js"}),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "static/dist/sources.sha256").write_text(assets.stamp_of(tmp_path) + "\n")
    return tmp_path


def test_an_asset_is_found_by_its_plain_name(checkout: Path) -> None:
    assert assets.asset("room.js", assets=checkout) == "/static/dist/room-AAAA1111.js"


def test_an_unknown_asset_is_named_in_the_error(checkout: Path) -> None:
    with pytest.raises(LookupError, match=r"no hall\.js"):
        assets.asset("hall.js", assets=checkout)


def test_a_fresh_bundle_is_no_problem(checkout: Path) -> None:
    assert assets.bundle_problem(assets=checkout) is None


def test_a_missing_bundle_says_what_to_run(checkout: Path) -> None:
    shutil.rmtree(checkout / "static/dist")

    problem = assets.bundle_problem(assets=checkout)

    assert problem is not None
    assert "is missing" in problem
    assert "pip install -r requirements.txt" in problem
    with pytest.raises(LookupError, match="is missing"):
        assets.asset("room.js", assets=checkout)


@pytest.mark.parametrize(
    "path",
    ["package-lock.json", "static/js/lib/dom.js", "static/js/new.js", "static/css/style.css"],
)
def test_a_changed_source_makes_the_bundle_stale(checkout: Path, path: str) -> None:
    (checkout / path).write_text("changed")

    assert "older than its sources" in (assets.bundle_problem(assets=checkout) or "")


def test_a_removed_or_renamed_source_makes_the_bundle_stale(checkout: Path) -> None:
    (checkout / "static/js/lib/dom.js").rename(checkout / "static/js/lib/page.js")

    assert "older than its sources" in (assets.bundle_problem(assets=checkout) or "")


@pytest.mark.parametrize("path", ["static/js/.room.js.swp", "static/js/room.js~", "static/x.svg"])
def test_backups_and_files_that_are_not_bundled_do_not_count(checkout: Path, path: str) -> None:
    (checkout / path).write_text("anything")

    assert assets.bundle_problem(assets=checkout) is None


@pytest.mark.parametrize("lost", ["room-AAAA1111.js", "sources.sha256"])
def test_a_bundle_that_was_cut_off_is_incomplete(checkout: Path, lost: str) -> None:
    (checkout / "static/dist" / lost).unlink()

    assert "incomplete" in (assets.bundle_problem(assets=checkout) or "")


def test_an_installed_package_has_no_sources_to_compare_with(checkout: Path) -> None:
    shutil.rmtree(checkout / "scripts")
    shutil.rmtree(checkout / "static/js")

    assert assets.bundle_problem(assets=checkout) is None


def test_the_bundle_of_this_checkout_is_fresh() -> None:
    # The stamp was written by scripts/bundle.mjs: it and assets.py agree on what the sources are.
    assert assets.bundle_problem() is None


@pytest.mark.parametrize("name", ["home.js", "room.js", "style.css", "icons.svg"])
def test_each_bundled_file_has_its_compressed_copy(name: str) -> None:
    path = DIST / assets.asset(name).removeprefix(assets.DIST_URL)

    assert gzip.decompress(path.with_name(path.name + ".gz").read_bytes()) == path.read_bytes()
    assert path.with_name(path.name + ".br").stat().st_size > 0


def test_every_icon_of_the_list_is_a_symbol_of_the_sprite() -> None:
    names = json.loads((assets.ASSETS / "static/js/icons.json").read_bytes())
    sprite = (DIST / assets.asset("icons.svg").removeprefix(assets.DIST_URL)).read_text()

    assert [name for name in names if f'<symbol id="{name}"' not in sprite] == []
