"""Every example plans, applies, has nothing left to do, and goes away again; and shows what it says it shows."""

import json
import shutil

import pytest
from command import REPOSITORY, check_life, mlspec, nothing_is_left

EXAMPLES = sorted(p.parent.name for p in (REPOSITORY / "examples").glob("*/mlspec.yaml"))


def copied(name, target):
    return shutil.copytree(REPOSITORY / "examples" / name, target, ignore=shutil.ignore_patterns(".mlspec", "deploy"))


def plan(folder, *arguments):
    return json.loads(mlspec(folder, "plan", "--format", "json", *arguments).out)


def query(folder, *arguments):
    return json.loads(mlspec(folder, "query", *arguments, "--format", "json").out)["rows"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_applies_and_goes_away_again(name, tmp_path):
    check_life(copied(name, tmp_path / name))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_small_and_explained(name):
    folder = REPOSITORY / "examples" / name
    assert (folder / "README.md").is_file()
    assert sum(p.stat().st_size for p in (folder / "data").iterdir()) < 200_000


@pytest.fixture(scope="module")
def churn(tmp_path_factory):
    made = copied("churn", tmp_path_factory.mktemp("churn") / "churn")
    mlspec(made, "apply", "--auto-approve")
    return made


class TestChurn:
    def test_the_gates_were_met_by_a_model_that_learnt_something(self, churn):
        (version,) = json.loads(mlspec(churn, "show", "model.buys_again", "--format", "json").out)["versions"]
        assert 0.65 <= version["metrics"]["auc"] <= 0.9

    def test_texts_that_mean_nothing_are_null(self, churn):
        assert query(churn, "SELECT COUNT(*) AS n FROM source.orders WHERE voucher = 'NA'") == [{"n": 0}]
        assert query(churn, "SELECT COUNT(*) AS n FROM source.orders WHERE voucher IS NULL")[0]["n"] > 0

    def test_a_day_is_known_when_it_has_ended_in_berlin(self, churn):
        (row,) = query(churn, "SELECT available_time FROM source.visits WHERE day = DATE '2024-01-01' LIMIT 1")
        assert row["available_time"].startswith("2024-01-01T23:00:00")

    def test_nobody_is_on_both_sides_of_the_split(self, churn):
        sides = query(churn, "dataset.buys_again", "--columns", "customer,split", "--limit", "100000")
        split = {row["customer"]: row["split"] for row in sides}
        assert all(split[row["customer"]] == row["split"] for row in sides)
        assert {"train", "test"} == set(split.values())

    def test_an_order_does_not_count_itself(self, churn):
        rows = query(churn, "dataset.buys_again", "--limit", "100000")
        first = {}
        for row in sorted(rows, key=lambda r: r["event_time"]):
            first.setdefault(row["customer"], row)
        assert {row["orders_before__orders_all"] for row in first.values()} == {0}

    def test_the_manifests_name_the_secret_and_not_its_value(self, churn):
        text = (churn / "deploy/dev/buys_again/deployment.yaml").read_text()
        assert "secretKeyRef" in text
        assert (churn / "deploy/dev/buys_again/hpa.yaml").is_file()


@pytest.fixture(scope="module")
def loans(tmp_path_factory):
    made = copied("two_environments", tmp_path_factory.mktemp("loans") / "loans")
    mlspec(made, "apply", "--auto-approve")
    return made


class TestTwoEnvironments:
    @pytest.fixture
    def folder(self, loans, tmp_path):
        return shutil.copytree(loans, tmp_path / "loans")

    def test_the_first_plan_of_prod_only_points_to_what_is_there(self, folder):
        found = plan(folder, "-e", "prod")
        relations = [c for c in found["changes"] if c["form"] == "relation"]
        assert len(relations) == 4
        assert {c["symbol"] for c in relations} == {"→"}
        assert not any("backfill" in c["consequences"] for c in found["changes"])

    def test_prod_goes_on_when_dev_is_destroyed(self, folder):
        mlspec(folder, "apply", "-e", "prod", "--auto-approve")
        mlspec(folder, "destroy", "--auto-approve")
        assert plan(folder, "-e", "prod")["changes"] == []
        assert query(folder, "-e", "prod", "SELECT COUNT(*) AS n FROM dataset.late_returns")[0]["n"] > 0

    def test_what_dev_has_not_built_needs_an_approval(self, folder):
        mlspec(folder, "apply", "-e", "prod", "--auto-approve")
        features = folder / "features.yaml"
        features.write_text(features.read_text().replace("window: 90d", "window: 60d"))
        refused = mlspec(folder, "apply", "-e", "prod", "--auto-approve", code=1)
        assert "rebuilds_are_agreed" in refused.err
        mlspec(folder, "apply", "--auto-approve")
        assert {c["symbol"] for c in plan(folder, "-e", "prod")["changes"] if c["form"] == "relation"} == {"→"}
        mlspec(folder, "apply", "-e", "prod", "--auto-approve")

    def test_an_approval_lets_prod_build(self, folder):
        said = mlspec(
            folder,
            "apply",
            "-e",
            "prod",
            "--auto-approve",
            "--var",
            "since=2024-02-01",
            "--approved-by",
            "library_data",
        )
        assert "Applied: " in said.out

    def test_a_protected_dataset_stays(self, folder):
        mlspec(folder, "apply", "-e", "prod", "--auto-approve")
        assert "protected" in mlspec(folder, "destroy", "-e", "prod", "--auto-approve", code=1).err
        mlspec(folder, "destroy", "--auto-approve")
        assert not nothing_is_left(folder)

    def test_an_override_changes_one_environment(self, folder):
        dev = json.loads(mlspec(folder, "show", "monitor.loans_volume", "--format", "json").out)
        prod = json.loads(mlspec(folder, "-e", "prod", "show", "monitor.loans_volume", "--format", "json").out)
        assert (dev["spec"]["severity"], prod["spec"]["severity"]) == ("warn", "error")
        assert (dev["spec"]["route"], prod["spec"]["route"]) == (["#loans-dev"], ["#loans"])
        assert (dev["description"], prod["description"]) == ("Tried out in dev", "")
