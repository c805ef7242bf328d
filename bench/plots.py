"""Bar charts as SVG."""
from pathlib import Path
from typing import Any
def draw(summary: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    return []
