"""Arguments become one call of the session; what it answers becomes output and an exit code."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from mlspec.apply.events import Done, Failed, Started
from mlspec.apply.run import Applied
from mlspec.backends.port import BackendError, CheckResult, Rows, StepRun
from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, Severity, Span, problem
from mlspec.cli import arguments
from mlspec.cli.main import VERBS, main
from mlspec.ledger.claim import Claim
from mlspec.plan.change import Action, Change, Plan, Verdict
from mlspec.state.model import State

REPOSITORY = Path(__file__).parents[2]
HERE = Address("team", "x")
CHANGES = (Change(HERE, "fact", Action.CREATE, "new"),)


def planned(changes=CHANGES, **more):
    plan = Plan("flights", "dev", "", 0, "", "", changes, **more)
    return SimpleNamespace(plan=plan, desired=None, artifacts={}, warnings=(), approvals=(), void=())


class Answers:
    """A session that answers what a test has set, and remembers how it was asked."""

    def __init__(self):
        self.calls, self.answers, self.opened = [], {}, None

    def __call__(self, start, environment=None, variables=None):
        self.opened = (start, environment, variables)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.calls.append(("close", (), {}))

    def __getattr__(self, name):
        def call(*args, **options):
            self.calls.append((name, args, options))
            answer = self.answers.get(name)
            if isinstance(answer, BaseException):
                raise answer
            return answer(*args, **options) if callable(answer) else answer

        return call

    def asked(self, name):
        (found,) = [(args, options) for n, args, options in self.calls if n == name]
        return found


@pytest.fixture
def session(monkeypatch, tmp_path):
    answers, module = Answers(), ModuleType("mlspec.session")
    module.Session = answers
    monkeypatch.setitem(sys.modules, "mlspec.session", module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return answers


def usage_error(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 1
    return capsys.readouterr().err


class TestStart:
    @pytest.mark.parametrize("words", [["--help"], ["plan", "--help"], ["--version"], ["run", "--help"]])
    def test_help_loads_nothing_heavy(self, words):
        code = (
            f"import sys\nfrom mlspec.cli.main import main\ntry:\n    main({words!r})\nexcept SystemExit as e:\n    assert not e.code\n"
            "heavy = {'pydantic', 'sqlglot', 'duckdb', 'yaml', 'jinja2', 'deepdiff', 'mlspec.session'} & set(sys.modules)\n"
            "assert not heavy, heavy"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert "mlspec" in done.stdout

    @pytest.mark.parametrize("verb", VERBS)
    def test_every_verb_has_help_with_an_example(self, verb, capsys):
        with pytest.raises(SystemExit) as stopped:
            main([verb, "--help"])
        out = capsys.readouterr().out
        assert stopped.value.code == 0
        assert f"examples:\n  mlspec {verb}" in out

    def test_the_help_says_what_exit_codes_mean(self, capsys):
        with pytest.raises(SystemExit):
            main(["--help"])
        assert "0 fine, 1 error, 2 changes are pending" in capsys.readouterr().out

    def test_usage_errors_suggest_and_exit_with_1(self, capsys):
        assert "there is no `plna`; did you mean `plan`?" in usage_error(capsys, "plna")
        assert "did you mean `json`?" in usage_error(capsys, "plan", "--format", "jsno")
        assert "required: VERB" in usage_error(capsys)
        assert "`novalue` is not `name=value`" in usage_error(capsys, "plan", "--var", "novalue")
        assert "not a whole number from 1 on" in usage_error(capsys, "apply", "--parallelism", "0")
        assert "not a duration" in usage_error(capsys, "apply", "--lock-timeout", "soon")

    def test_durations(self):
        assert [arguments.seconds(t) for t in ("30s", "2m", "1.5h", "7")] == [30, 120, 5400, 7]


class TestGlobalOptions:
    def test_they_may_stand_before_and_after_the_verb(self, session):
        session.answers["show"] = []
        main(["-C", "a", "-e", "prod", "--var", "x=1", "show", "--var", "y=no", "--var", "z=[1"])
        assert session.opened == (Path("a"), "prod", {"x": 1, "y": "no", "z": "[1"})
        main(["show", "-e", "dev", "-C", "b"])
        assert session.opened == (Path("b"), "dev", {})
        session.answers["state_pull"] = "{}"
        main(["--var", "a=1", "state", "--var", "b=2", "pull", "--var", "c=", "-e", "x"])
        assert session.opened == (Path(), "x", {"a": 1, "b": 2, "c": None})

    def test_the_last_one_counts(self, session):
        session.answers["show"] = []
        main(["-e", "a", "--var", "x=1", "show", "-e", "b", "--var", "x=true"])
        assert session.opened[1:] == ("b", {"x": True})


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "code", "said"),
        [
            (problem("odd", "it is odd", help="look"), 1, "error[odd]: it is odd\nhelp: look\n"),
            (BackendError("no answer", "try later", "no-answer"), 1, "error[no-answer]: no answer\nhelp: try later\n"),
            (KeyboardInterrupt(), 130, "\ninterrupted; what was finished is recorded\n"),
            (ValueError("oh"), 1, "internal error: ValueError: oh; run again with -v\n"),
            (
                PermissionError(13, "Permission denied", "x"),
                1,
                "error[file-not-usable]: cannot use `x`: Permission denied\n",
            ),
        ],
    )
    def test_each_is_a_message_and_a_code(self, session, capsys, error, code, said):
        session.answers["show"] = error
        assert main(["show"]) == code
        assert capsys.readouterr() == ("", said)

    def test_v_shows_where_an_internal_error_was(self, session, capsys):
        session.answers["show"] = ValueError("oh")
        assert main(["show", "-v"]) == 1
        err = capsys.readouterr().err
        assert err.startswith("Traceback")
        assert err.endswith("internal error: ValueError: oh\n")


class TestValidate:
    WARNING = Diagnostic("odd", "looks odd", Span("b.yaml", 1, 2), severity=Severity.WARNING)

    def test_it_counts_what_there_is(self, session, capsys):
        session.answers["validate"] = SimpleNamespace(
            kinds={"entity": 2, "feature_view": 1}, warnings=(self.WARNING,), environment="dev", others=()
        )
        assert main(["validate"]) == 0
        out, err = capsys.readouterr()
        assert out == "Valid: 2 entities, 1 feature view (environment `dev`)\n"
        assert err.startswith("warning[odd]: looks odd\n")

    def test_problems_are_the_result_for_programs(self, session, capsys):
        session.answers["validate"] = Problems([Diagnostic("odd", "is odd", Span("a.yaml", 1, 2)), self.WARNING])
        assert main(["validate", "--format", "json"]) == 1
        data = json.loads(capsys.readouterr().out)
        assert data["valid"] is False
        assert len(data["diagnostics"]) == 2
        assert main(["validate", "--format", "github"]) == 1
        assert capsys.readouterr().out.splitlines()[0] == "::error file=a.yaml,line=1,col=2,title=odd::is odd"
        assert main(["validate", "--format", "sarif"]) == 1
        assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"
        assert main(["validate"]) == 1
        assert capsys.readouterr().out == ""


class TestPlan:
    def test_it_passes_on_what_was_asked(self, session, capsys):
        session.answers["plan"] = planned()
        assert (
            main(
                [
                    "plan",
                    "--select",
                    "a.b",
                    "--target",
                    "c.d",
                    "--exclude",
                    "tag:x",
                    "--replace",
                    "e.f",
                    "--no-refresh",
                    "-o",
                    "x.plan",
                ]
            )
            == 0
        )
        assert session.asked("plan") == (
            (),
            {
                "select": ["a.b", "c.d"],
                "exclude": ["tag:x"],
                "replace": ["e.f"],
                "destroy": False,
                "refresh": False,
                "allow_breaking": False,
            },
        )
        assert session.asked("save")[0][1] == Path("x.plan")
        out, err = capsys.readouterr()
        assert "Plan: 1 to create; 0 unchanged." in out
        assert "Saved to `x.plan`" in err

    def test_exit_codes(self, session):
        session.answers["plan"] = planned()
        assert main(["plan"]) == 0
        assert main(["plan", "--detailed-exitcode"]) == 2
        session.answers["plan"] = planned(())
        assert main(["plan", "--detailed-exitcode"]) == 0
        session.answers["plan"] = planned(verdicts=(Verdict("p", "deny", "team.x", "no"),))
        assert main(["plan", "--detailed-exitcode"]) == 1

    def test_json_is_the_plan_itself(self, session, capsys):
        session.answers["plan"] = planned()
        main(["plan", "--format", "json"])
        assert json.loads(capsys.readouterr().out)["summary"] == {"create": 1}
        main(["plan", "--format", "markdown"])
        assert capsys.readouterr().out.startswith("### mlspec plan: flights")


def applying(failed=(), skipped=()):
    def apply(_planned, *, on_event, **_):
        on_event(Started(HERE, Action.CREATE))
        done = Done(HERE, Action.CREATE, 0.0)
        on_event(failed[0] if failed else done)
        return Applied(State("", "flights", "dev"), () if failed else (done,), failed, skipped)

    return apply


class TestApply:
    def test_it_shows_applies_and_tells(self, session, capsys):
        session.answers |= {"plan": planned(), "apply": applying()}
        assert (
            main(["apply", "--auto-approve", "--parallelism", "2", "--approved-by", "a", "--lock-timeout", "30s"]) == 0
        )
        _, options = session.asked("apply")
        assert {k: v for k, v in options.items() if k != "on_event"} == {
            "parallelism": 2,
            "approved_by": ["a"],
            "lock_timeout": 30.0,
        }
        out, err = capsys.readouterr()
        assert out.endswith("Applied: 1 created.\n")
        assert err == "team.x: creating…\nteam.x: created\n"

    def test_nobody_to_ask_is_an_error_that_says_what_to_do(self, session, capsys):
        session.answers |= {"plan": planned(), "apply": applying()}
        assert main(["apply"]) == 1
        assert "--auto-approve" in capsys.readouterr().err
        assert "apply" not in [c[0] for c in session.calls]

    @pytest.mark.parametrize(
        ("verb", "answer", "code"),
        [("apply", "yes\n", 0), ("apply", "y\n", 1), ("destroy", "yes\n", 0), ("destroy", "", 1)],
    )
    def test_only_yes_is_accepted(self, session, monkeypatch, capsys, verb, answer, code):
        session.answers |= {"plan": planned(), "apply": applying()}
        stdin = io.StringIO(answer)
        stdin.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main([verb]) == code
        out, err = capsys.readouterr()
        assert "Only `yes` is accepted:" in err
        assert ("Applied" in out) is (code == 0)
        assert ("Nothing was done." in err) is (code == 1)

    def test_a_saved_plan_is_applied_without_asking(self, session):
        session.answers |= {"load": planned(), "apply": applying()}
        assert main(["apply", "x.plan"]) == 0
        assert session.asked("load") == ((Path("x.plan"),), {})
        assert main(["apply", "x.plan", "--select", "a.b"]) == 1

    def test_nothing_to_do_and_a_denied_plan_are_not_applied(self, session, capsys):
        session.answers["plan"] = planned(())
        assert main(["apply"]) == 0
        assert "No changes." in capsys.readouterr().out
        session.answers["plan"] = planned(verdicts=(Verdict("p", "deny", "team.x", "no"),))
        assert main(["apply", "--auto-approve"]) == 1
        assert "apply" not in [c[0] for c in session.calls]

    def test_a_failure_is_shown_and_exits_with_1(self, session, capsys):
        session.answers |= {"plan": planned(), "apply": applying(failed=(Failed(HERE, "no room", "make room"),))}
        assert main(["apply", "--auto-approve"]) == 1
        out, err = capsys.readouterr()
        assert "error[backend-failed]: team.x: no room\nhelp: make room\n" in err
        assert "1 failed" in out
        assert main(["apply", "--auto-approve", "--format", "json"]) == 1
        assert json.loads(capsys.readouterr().out)["failed"][0]["message"] == "no room"

    def test_destroy_plans_to_delete(self, session):
        session.answers |= {"plan": planned(), "apply": applying()}
        assert main(["destroy", "--auto-approve", "--select", "a.b"]) == 0
        assert session.asked("plan") == ((), {"select": ["a.b"], "exclude": [], "destroy": True})


class TestOthers:
    ROWS = Rows(("a", "b"), ("string", "int64"), (("x", 1), ("y", None)))

    def test_query(self, session, capsys):
        session.answers["query"] = self.ROWS
        main(
            [
                "query",
                "a.b",
                "--where",
                "x > 1",
                "--columns",
                "a, b",
                "--at",
                "2013-01-01",
                "--key",
                "k=1=2",
                "--limit",
                "5",
            ]
        )
        assert session.asked("query") == (
            ("a.b",), {"where": "x > 1", "columns": ("a", "b"), "at": "2013-01-01", "keys": {"k": "1=2"}, "limit": 5},
        )  # fmt: skip
        assert capsys.readouterr().out == "a     b\nx     1\ny  NULL\n"
        main(["query", "a.b", "--format", "csv"])
        assert capsys.readouterr().out == "a,b\nx,1\ny,\n"
        main(["query", "a.b", "--format", "json"])
        assert json.loads(capsys.readouterr().out)["rows"] == [{"a": "x", "b": 1}, {"a": "y", "b": None}]
        assert main(["query", "a.b", "--key", "k=1", "--key", "k=2"]) == 1

    def test_render_prints_or_writes(self, session, capsys, tmp_path):
        session.answers["render"] = {"sql/a.sql": "SELECT 1\n"}
        assert main(["render", "--select", "a.b"]) == 0
        assert capsys.readouterr().out == "# --- sql/a.sql\nSELECT 1\n"
        assert main(["render", "-o", str(tmp_path / "out")]) == 0
        assert (tmp_path / "out/sql/a.sql").read_text() == "SELECT 1\n"

    def test_show(self, session, capsys):
        session.answers["show"] = [{"address": "a.b", "owner": ""}, {"address": "c.d", "owner": "x", "version": None}]
        main(["show"])
        assert capsys.readouterr().out.splitlines() == ["address  owner  version", "a.b", "c.d      x"]
        session.answers["show"] = {
            "address": "a.b",
            "columns": [{"name": "x", "origins": ["s.t"]}],
            "parents": [],
            "spec": {"k": 1},
        }
        main(["show", "a.b"])
        assert capsys.readouterr().out == "address  a.b\n\ncolumns\n  name  origins\n  x     s.t\n\nspec\n  k: 1\n"

    def test_lineage(self, session, capsys):
        session.answers["lineage"] = (SimpleNamespace(source="s.t", target="a.b"),)
        main(["lineage", "a.b", "--no-columns"])
        assert session.asked("lineage") == (("a.b",), {"downstream": False, "columns": False})
        assert capsys.readouterr().out == "a.b\n└─ s.t\n"
        main(["lineage", "a.b", "--format", "json"])
        assert json.loads(capsys.readouterr().out)["edges"] == [{"source": "s.t", "target": "a.b"}]

    @pytest.mark.parametrize(("severity", "code"), [("error", 1), ("warning", 0)])
    def test_run_fails_when_a_check_of_severity_error_does(self, session, capsys, severity, code):
        sample = Rows(("k",), ("string",), (("odd",), ("even",)))
        checks = (CheckResult("not_null", severity, 2, 9, passed=False, sample=sample),)
        session.answers["run"] = SimpleNamespace(
            address="a.b", kind="checks", steps=(), metrics={}, checks=checks, version="", brought=None
        )
        assert main(["run", "a.b"]) == code
        out = capsys.readouterr().out
        assert "rows that fail `not_null`:\nk\nodd\neven" in out
        assert out.endswith("a.b: 1 of 1 check failed\n")

    def test_run_shows_steps_and_metrics(self, session, capsys):
        steps = (StepRun("train", "done", 2.0), StepRun("look", "cached", 0.0))
        session.answers["run"] = SimpleNamespace(
            address="model.m",
            kind="model",
            steps=steps,
            metrics={"train": {"auc": 0.75}},
            checks=(),
            version="m__1",
            brought=None,
        )
        assert main(["run", "model.m"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert "train  auc      0.75" in lines
        assert lines[-1] == "model.m: done, version m__1"

    def test_state(self, session, capsys):
        session.answers |= {
            "state_list": [{"address": "a.b"}],
            "state_claims": (Claim("7", "me", "h", 1, "now", "apply", ("a.b",)),),
            "state_pull": "{}",
        }
        main(["state", "list"])
        assert "a.b\n\nClaimed: a.b, by me@h (process 1) since now for `apply`, id 7\n" in capsys.readouterr().out
        main(["state", "pull"])
        assert capsys.readouterr().out == "{}\n"
        main(["state", "rm", "a.b"])
        main(["state", "unlock", "7"])
        assert session.asked("state_remove") == (("a.b",), {"lock_timeout": 0.0})
        assert session.asked("state_unlock") == (("7",), {})

    def test_schema_and_init(self, session, capsys):
        session.answers |= {"schema": {"type": "object"}, "init": ("mlspec.yaml",)}
        assert main(["schema", "plan"]) == 0
        assert json.loads(capsys.readouterr().out) == {"type": "object"}
        assert main(["init", "new"]) == 0
        assert session.asked("init") == ((Path("new"), "starter"), {})
        assert "mlspec -C new plan" in capsys.readouterr().out
