"""A certificate is verified against rows that are counted, not against what was noted of them."""

import smallest
from small_projects import apply

from mlspec.session import Session


def test_rows_that_somebody_took_away_are_missed(tmp_path):
    smallest.write_data(tmp_path)
    smallest.write_blocks(tmp_path, smallest.documents("dataset"))
    assert apply(tmp_path)[2].ok
    with Session(tmp_path) as session:
        assert session.verify("dataset.rows").reproducible
        version = (
            session.recorded()[0]
            .get(next(a for a in session.recorded()[0].records if str(a) == "dataset.rows"))
            .outputs["version"]
        )
        session.backends.engine.line(write=True).raw.execute(f'DELETE FROM mlspec_data."{version}" WHERE shop = 1')
    with Session(tmp_path) as session:
        (found,) = session.verify("dataset.rows").differences
    assert (found.what, found.of, found.then, found.now) == ("rows", version, "30", "15")
