"""What all tests share."""

import gc
from pathlib import Path

import pytest

gc.set_threshold(
    100_000, 10, 10
)  # as the command does: a fifth of what a project takes to be read goes into looking for cycles


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write what is rendered into tests/golden")


@pytest.fixture
def golden(request):
    """Compares files (name to text) with a folder of `tests/golden`, or writes them there with `--update-golden`."""

    def compare(folder: str, files: dict[str, str]) -> None:
        place = Path(__file__).parent / "golden" / folder
        if request.config.getoption("--update-golden"):
            place.mkdir(parents=True, exist_ok=True)
            for old in place.iterdir():
                old.unlink()
            for name, text in files.items():
                (place / name).write_text(text, encoding="utf-8", newline="\n")
        kept = {old.name: old.read_text(encoding="utf-8") for old in place.iterdir()} if place.is_dir() else {}
        assert files == kept

    return compare
