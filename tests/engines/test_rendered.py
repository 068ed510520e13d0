"""What is rendered for the examples, kept as golden files; the SQL is also read back by the engine's own parser."""

from pathlib import Path

import duckdb
import pytest

from mlspec.session import Session

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("example", sorted(p.name for p in EXAMPLES.iterdir() if (p / "mlspec.yaml").is_file()))
def test_rendered_as_kept(example: str, golden) -> None:
    with Session(EXAMPLES / example) as session:
        artifacts = session.render()
    assert artifacts
    with duckdb.connect() as connection:
        for path, text in artifacts.items():
            if path.endswith(".sql"):
                assert len(connection.extract_statements(text)) == 1
    golden(f"render/{example}", {path.replace("/", "__"): text for path, text in artifacts.items()})


def test_rendering_is_pure() -> None:
    with Session(EXAMPLES / "churn") as first, Session(EXAMPLES / "churn") as second:
        assert first.render() == second.render()
