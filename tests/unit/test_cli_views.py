"""What people and machines get to see, from values made by hand."""

import io
import json
import re

import pytest

from mlspec.apply.events import Done, Failed, Progress, Skipped, Started, Waiting
from mlspec.apply.run import Applied
from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Note, Severity, Span
from mlspec.cli.views import diagnostics, events, plan_markdown
from mlspec.cli.views.artifacts import write_below
from mlspec.cli.views.diagnostics import Sources
from mlspec.cli.views.fields import field_lines
from mlspec.cli.views.github import as_commands
from mlspec.cli.views.lineage import as_mermaid, as_tree
from mlspec.cli.views.plan import as_text
from mlspec.cli.views.sarif import as_sarif
from mlspec.cli.views.structured import as_csv, as_json
from mlspec.cli.views.table import outline, table, vertical
from mlspec.cli.views.terminal import Look, Screen, safe
from mlspec.cli.views.values import count, inline, size, took
from mlspec.cli.views.warnings import in_short, show_warnings
from mlspec.plan.change import (
    Action,
    Change,
    ColumnChange,
    Consequence,
    Estimate,
    FieldChange,
    Impact,
    Plan,
    Review,
    Verdict,
)
from mlspec.plan.file import from_json, to_json
from mlspec.state.model import State

LINE = "      - {function: avg, column: arr_dely, name: delay}"


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "carrier.yaml").write_text("\n" * 13 + LINE + "\n")
    (tmp_path / "tabs.yaml").write_text("\tkey: 値値 x\n")
    return Sources(tmp_path)


def at(line=14, start=34, end=42, file="carrier.yaml"):
    return Span(file, line, start, line, end)


def unknown(span, **more):
    return Diagnostic("unknown-column", "view reads column `arr_dely`", span, **more)


class TestDiagnostics:
    def test_the_shape_of_the_design(self, sources):
        found = unknown(at(), label="not a column of `flights`", help="did you mean `arr_delay`?")
        assert diagnostics.as_text([found], sources, Look()) == (
            "error[unknown-column]: view reads column `arr_dely`\n"
            "  --> carrier.yaml:14:34\n"
            "   |\n"
            f"14 | {LINE}\n"
            "   |                                  ^^^^^^^^ not a column of `flights`\n"
            "help: did you mean `arr_delay`?"
        )

    def test_notes_are_further_places_and_all_are_counted(self, sources):
        noted = Diagnostic("twice", "said twice", at(1, 2, 5, "tabs.yaml"), notes=(Note("first here", at()),))
        warned = Diagnostic("odd", "looks odd", severity=Severity.WARNING)
        text = diagnostics.as_text([noted, warned, warned], sources, Look())
        assert "note: first here\n  --> carrier.yaml:14:34\n" in text
        assert text.endswith("\n\nwarning[odd]: looks odd\n\n1 error, 2 warnings")

    def test_carets_stand_below_wide_characters_and_tabs(self, sources):
        text = diagnostics.as_text([unknown(at(1, 10, 11, "tabs.yaml"))], sources, Look())
        shown, marks = text.splitlines()[-2:]
        assert shown == "1 |     key: 値値 x"
        assert marks.index("^") - len("  | ") == len("    key: ") + 5

    @pytest.mark.parametrize(
        "span", [at(file="gone.yaml"), at(99), at(0), at(14, 500, 900), at(14, 0, 0), at(file="\0"), at(file="."), at(file="")]
    )  # fmt: skip
    def test_a_place_that_is_not_there_is_still_shown(self, sources, span):
        text = diagnostics.as_text([unknown(span, label="here")], sources, Look())
        assert "here" in text
        assert str(span) in text

    def test_a_long_line_is_shown_around_the_place(self, tmp_path):
        (tmp_path / "x.yaml").write_text("a" * 5000 + "WRONG" + "b" * 5000)
        text = diagnostics.as_text([unknown(at(1, 5001, 5006, "x.yaml"))], Sources(tmp_path), Look())
        shown, marks = text.splitlines()[-2:]
        assert len(shown) < 200
        assert shown[marks.index("^") : marks.rindex("^") + 1] == "WRONG"

    def test_json_has_every_field_always(self):
        assert diagnostics.as_data([Diagnostic("odd", "looks odd")]) == [
            {
                "code": "odd",
                "severity": "error",
                "message": "looks odd",
                "span": None,
                "label": "",
                "help": "",
                "notes": [],
            }
        ]
        (found,) = diagnostics.as_data([unknown(at())])
        assert found["span"] == {"file": "carrier.yaml", "line": 14, "column": 34, "end_line": 14, "end_column": 42}

    def test_github_escapes_what_would_end_a_command(self):
        found = Diagnostic("odd", "100%\nsure::error::", Span("a,b:c.yaml", 3, 4), help="look")
        assert as_commands([found], Sources()) == (
            "::error file=a%2Cb%3Ac.yaml,line=3,col=4,title=odd::100%25%0Asure::error::%0Ahelp: look"
        )

    def test_sarif_points_at_rules_and_places(self, sources):
        noted = Diagnostic("twice", "said twice", Span("a b.yaml", 1, 2), notes=(Note("first", at()), Note("no place")))
        log = as_sarif([noted, unknown(at()), Diagnostic("odd", "odd", severity=Severity.WARNING)], sources)
        (run,) = log["runs"]
        rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
        assert log["version"] == "2.1.0"
        assert [rules[r["ruleIndex"]] for r in run["results"]] == ["twice", "unknown-column", "odd"]
        assert [r["level"] for r in run["results"]] == ["error", "error", "warning"]
        first = run["results"][0]
        assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.yaml"
        assert first["relatedLocations"][0]["physicalLocation"]["region"]["endColumn"] == 42
        assert "locations" not in run["results"][2]

    def test_files_are_named_as_one_would_type_them_here(self, tmp_path, monkeypatch):
        (tmp_path / "specs").mkdir()
        monkeypatch.chdir(tmp_path)
        assert Sources(tmp_path / "specs").shown("a.yaml") == "specs/a.yaml"
        assert Sources(tmp_path).shown("a.yaml") == "a.yaml"
        assert Sources(tmp_path.parent).shown("a.yaml") == "a.yaml"


def change(address, action, reason="changed", **more):
    return Change(Address.parse(address), more.pop("form", "relation"), action, reason, **more)


def a_plan(*changes, **more):
    more = {"unchanged": 24, **more}
    return to_json(Plan("flights", "dev", "lineage", 3, "state", "specs", changes, **more))


SQL_BEFORE = "SELECT a,\n  b,\n  c,\n  d\nFROM t\nWHERE x\nGROUP BY y\nORDER BY z\n"
EVERYTHING = a_plan(
    change(
        "source.flights",
        Action.UPDATE,
        fields=(FieldChange(("columns", "arr_delay", "type"), "int32", "float64"),),
        columns=(ColumnChange("arr_delay", "changed"),),
        impacts=(Impact.COLUMN,),
    ),
    change(
        "feature_view.delays",
        Action.REBUILD,
        consequences=(Consequence.BACKFILL,),
        estimate=Estimate(336_776, 12_345_678),
        fields=(
            FieldChange(("windows", "1"), "7d", "14d", "rebuild"),
            FieldChange(("sql",), SQL_BEFORE, SQL_BEFORE.replace("  b,", "  bb,")),
        ),
        columns=(*(ColumnChange(f"c{i}", "added") for i in range(11)), ColumnChange("old", "removed")),
    ),
    change(
        "dataset.flight_delay",
        Action.REBUILD,
        "upstream_changed",
        direct=False,
        consequences=(Consequence.BACKFILL,),
        columns=(ColumnChange("a", "changed"),),
        impacts=(Impact.COLUMN,),
        causes=(
            ("source.flights.arr_delay", "feature_view.delays.c", "dataset.flight_delay.a"),
            ("x.y", "dataset.flight_delay.a"),
        ),
    ),
    change(
        "entity.carrier",
        Action.REPLACE,
        form="fact",
        protect=True,
        fields=(FieldChange(("keys",), {"c": "string"}, {"c": "int64"}, "replace"),),
    ),
    change("model.delay", Action.REPOINT, "drifted", version="delay__0f0f"),
    change("deployment.api", Action.MOVE, "requested", form="service", consequences=(Consequence.REDEPLOY,)),
    change("team.new", Action.CREATE, "new", form="fact"),
    change("monitor.drift", Action.CREATE, "new", form="check", consequences=(Consequence.RECHECK,)),
    change("source.gone", Action.DELETE, "removed"),
    reviews=(Review("flight_science", "data_science", ("ada", "@bob"), ("dataset.flight_delay", "model.delay")),),
    verdicts=(
        Verdict("no_big_ones", "approve", "dataset.flight_delay", "more than a million rows", ("platform",)),
        Verdict("frozen", "deny", "source.gone", "nothing is deleted on Fridays"),
    ),
    notes=("target `x` can only render",),
    skipped=("source.other",),
)


class TestWarnings:
    def many(self, *codes):
        spans = [Span("a.yaml", n + 1, 2) for n in range(len(codes))]
        return [
            Diagnostic(c, f"looks odd {n}", s, help="look", severity=Severity.WARNING)
            for n, (c, s) in enumerate(zip(codes, spans, strict=True))
        ]

    def test_one_is_shown_in_full(self, sources, capsys):
        show_warnings(self.many("odd"), sources.root, no_color=True)
        assert capsys.readouterr().err.startswith("warning[odd]: looks odd 0\n --> ")

    def test_several_are_shown_in_short_and_none_is_lost(self, sources):
        found = [*self.many(*["odd"] * 5, "even"), Diagnostic("over", "is over", severity=Severity.WARNING)]
        assert in_short(found, sources, Look()).splitlines() == [
            "warning[odd]: looks odd 0 (a.yaml:1)", "  help: look",
            "warning[odd]: looks odd 1 (a.yaml:2)", "  help: look",
            "warning[odd]: looks odd 2 (a.yaml:3)", "  help: look",
            "warning[even]: looks odd 5 (a.yaml:6)", "  help: look",
            "warning[over]: is over",
            "and 2 more of `odd`",
            "7 warnings; `mlspec validate` shows them at their places",
        ]  # fmt: skip


class TestPlan:
    def test_every_action_is_shown_with_its_reason(self):
        text = as_text(EVERYTHING, Look())
        for line in (
            "Plan for flights, environment dev",
            "  ~ source.flights  (column `arr_delay` changed)",
            "      columns.arr_delay.type: int32 -> float64",
            "  ↻ feature_view.delays  (11 columns added, 1 removed)  backfill",
            "      windows.1: 7d -> 14d",
            "      columns: 11 added (c0, c1, c2, c3, c4, c5, c6, c7 and 3 more), 1 removed (old)",
            "      now 336,776 rows, 12 MB",
            "  ↻ dataset.flight_delay  (column `a` changed)  backfill",
            "      because x.y → dataset.flight_delay.a, and 1 more",
            "  ± entity.carrier  (`keys` changed)",
            "      keys: {c: string} -> {c: int64}  # forces replacement",
            "  → model.delay  (not what was applied)",
            "      version delay__0f0f, which is there already",
            "  ⇄ deployment.api  (asked for)  redeploy",
            "  + team.new",
            "  + monitor.drift  recheck",
            "Destructive: 2 changes would delete what exists",
            "Plan: 2 to create, 1 to update, 2 to rebuild, 1 to replace, 1 to repoint, 1 to move, 1 to delete; 24 unchanged.",
            "  backfill  feature_view.delays, dataset.flight_delay (now 336,776 rows, 12 MB)",
            "Not selected: 1 other change (source.other)",
            "Review needed: flight_science (data_science) @ada @bob — dataset.flight_delay, model.delay",
            "Policy `frozen` forbids `source.gone`: nothing is deleted on Fridays",
            "Policy `no_big_ones` wants an approval for `dataset.flight_delay` (by platform): more than a million rows",
            "Note: target `x` can only render",
        ):
            assert line in text.splitlines(), line
        assert len(re.findall(r"^  - source\.gone", text, re.MULTILINE)) == 2

    def test_sql_is_compared_line_by_line(self):
        lines = [line.strip() for line in as_text(EVERYTHING, Look()).splitlines()]
        start = lines.index("sql:")
        assert lines[start + 1 : start + 6] == ["SELECT a,", "-  b,", "+  bb,", "c,", "d"]

    def test_the_text_is_a_function_of_the_json(self):
        again = to_json(from_json(json.loads(json.dumps(EVERYTHING))))
        assert as_text(again, Look(), full=True) == as_text(EVERYTHING, Look(), full=True)

    def test_full_shortens_nothing(self):
        text = as_text(EVERYTHING, Look(), full=True)
        assert "c10" in text
        assert "because source.flights.arr_delay → feature_view.delays.c → dataset.flight_delay.a" in text
        assert " more" not in text.replace("more than", "")

    def test_the_legend_explains_only_what_occurs(self):
        legend = as_text(a_plan(change("a.b", Action.CREATE, "new")), Look()).splitlines()[2]
        assert legend == "  + create"

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({}, "No changes. What exists matches the specs."),
            ({"destroy": True}, "Nothing to destroy."),
            ({"skipped": ("a.b",)}, "No changes in what was selected."),
        ],
    )
    def test_nothing_to_do(self, more, said):
        assert said in as_text(a_plan(**more), Look())
        assert said in plan_markdown.as_markdown(a_plan(**more))

    def test_destroying_lists_each_once(self):
        text = as_text(a_plan(change("a.b", Action.DELETE, "removed"), destroy=True), Look())
        assert text.count("a.b") == 1

    def test_every_action_has_its_words(self):
        for action in Action:
            assert as_text(a_plan(change("a.b", action)), Look(color=True))

    def test_markdown_gives_specs_no_way_out(self):
        text = plan_markdown.as_markdown(
            a_plan(
                change("a.b", Action.UPDATE, fields=(FieldChange(("sql",), "a\n````\nb", "<script>\n```\n# hi"),)),
                verdicts=(Verdict("p", "warn", "a.b", "<img src=x> | [x](y)"),),
            )
        )
        assert "<img" not in text
        assert r"\[x\]" in text
        assert "\n`````diff\n" in text

    def test_markdown_fits_into_a_comment(self):
        many = [
            change(f"a.b{i}", Action.UPDATE, fields=(FieldChange(("x",), "y" * 60, "z" * 60),)) for i in range(2000)
        ]
        assert len(plan_markdown.as_markdown(a_plan(*many))) < 65_536


class TestFields:
    @pytest.mark.parametrize(
        ("before", "after", "line"),
        [
            (None, "7d", "+ x.y: 7d"),
            ("7d", None, "- x.y: 7d"),
            (1, "1", 'x.y: 1 -> "1"'),
            (True, "no", "x.y: true -> no"),
            ([1], ["a, b", None], 'x.y: [1] -> ["a, b", null]'),
            ("", " ", 'x.y: "" -> " "'),
        ],
    )
    def test_before_and_after(self, before, after, line):
        assert list(field_lines({"path": ["x", "y"], "before": before, "after": after, "cost": ""}, Look())) == [line]

    def test_a_new_block_is_shown_whole_but_for_its_tail(self):
        field = {"path": ["sql"], "before": None, "after": "x\n" * 99, "cost": ""}
        lines = list(field_lines(field, Look()))
        assert lines[1] == "  +x"
        assert lines[-1] == "  … 75 more lines, shown with --full"


class TestTables:
    def test_numbers_stand_right_and_names_left(self):
        text = table(["name", "n"], [["ä値", 5], ["b", 12345.5], [None, None]], Look())
        assert text.splitlines() == ["name        n", "ä値         5", "b     12345.5", "NULL     NULL"]

    def test_one_row_stands_upright(self):
        assert vertical([("a", 1), ("long", "x\ny")], Look()) == "a     1\nlong  x\\ny"

    def test_nested_values(self):
        value = {"a": {"b": [1, 2]}, "sql": "x\ny\n", "rows": [{"k": {"z": 1}, "l": 2}]}
        assert list(outline(value)) == [
            "a:", "  b: [1, 2]", "sql: |", "  x", "  y", "rows:", "  - k: {z: 1}", "    l: 2",
        ]  # fmt: skip

    def test_csv_and_json_are_for_programs(self):
        assert as_csv(("a", "b"), [(None, True), ("x,y", [1, "é"])]) == 'a,b\n,true\n"x,y","[1, ""é""]"\n'
        data = json.loads(
            as_json({"a": float("nan"), "b": Address("x", "y"), "c": FieldChange(("k",), 1, 2), "d": {3}})
        )
        assert data == {"a": None, "b": "x.y", "c": {"path": ["k"], "before": 1, "after": 2, "cost": ""}, "d": [3]}

    def test_values(self):
        assert [size(n) for n in (0, 999, 1234, 12_345_678, 5e15)] == ["0 B", "999 B", "1.2 kB", "12 MB", "5,000.0 TB"]
        assert [count(n, "removed") for n in (1, 2)] == ["1 removed", "2 removed"]
        assert [took(s) for s in (0.04, 9.96, 12, 185)] == ["0.0 s", "10.0 s", "12 s", "3 min 5 s"]
        assert inline({"a": "x: y", "b": "on", "c": 1.5}) == '{a: "x: y", b: on, c: 1.5}'


class TestTerminal:
    def test_control_characters_of_specs_are_made_visible(self):
        mine = Look(color=True).paint("red", "bold", "red")
        assert safe(f"{mine} \x1b[2J\x1b[8mhidden\u202e\x07") == f"{mine} \\x1b[2J\\x1b[8mhidden\\u202e\\x07"

    def test_a_program_gets_text_as_it_is(self):
        stream = io.StringIO()
        Screen(stream).data("a\x1bb")
        assert stream.getvalue() == "a\x1bb\n"

    def test_artifacts_stay_below_the_folder(self, tmp_path):
        with pytest.raises(Exception, match="leads out"):
            write_below(tmp_path / "out", {"ok.sql": "", "../x.sql": ""})
        assert not (tmp_path / "out").exists()
        write_below(tmp_path / "out", {"a/b.sql": "SELECT 1\n"})
        assert (tmp_path / "out/a/b.sql").read_text() == "SELECT 1\n"


HERE = Address("feature_view", "x")


class TestEvents:
    def test_lines(self):
        lines = [
            events.line(e, Look())
            for e in (
                Started(HERE, Action.REBUILD),
                Progress(HERE, "half of it"),
                Done(HERE, Action.REBUILD, 1.23, ("336,776 rows",)),
                Failed(HERE, "no\nroom", "make room"),
                Skipped(Address("dataset", "y"), HERE),
            )
        ]
        assert lines == [
            "feature_view.x: rebuilding…",
            "    half of it",
            "feature_view.x: rebuilt in 1.2 s [336,776 rows]",
            "error[backend-failed]: feature_view.x: no\n  room\nhelp: make room",
            "dataset.y: skipped, because feature_view.x failed",
        ]

    def test_a_quiet_run_says_that_it_is_alive(self):
        now, stream = [0.0], io.StringIO()
        narrator = events.Narrator(Screen(stream), lambda: now[0])
        narrator(Started(HERE, Action.CREATE))
        now[0] = 9
        narrator.alive()
        now[0] = 12
        narrator.alive()
        narrator.alive()
        assert stream.getvalue().splitlines() == ["feature_view.x: creating…", "still running: feature_view.x (12 s)"]

    def test_a_terminal_has_one_line_that_changes(self):
        stream = io.StringIO()
        with events.Narrator(Screen(stream, Look(width=40), interactive=True)) as narrator:
            narrator(Started(HERE, Action.CREATE))
            narrator.alive()
            narrator(Done(HERE, Action.CREATE, 0.5))
        assert "\r\x1b[2Krunning: feature_view.x" in stream.getvalue()
        assert stream.getvalue().endswith("created in 0.5 s\n\r\x1b[2K")

    def test_the_end(self):
        done = [Done(HERE, Action.CREATE, 1), Done(HERE, Action.CREATE, 1), Done(HERE, Action.DELETE, 1)]
        state = State("", "flights", "dev")
        assert events.applied(Applied(state, done)) == "Applied: 2 created, 1 deleted."
        text = events.applied(Applied(state, done, (Failed(HERE, "x"),), (Skipped(HERE, HERE),)))
        assert text.startswith("Not everything was applied: 2 created, 1 deleted, 1 failed, 1 skipped.")

    def test_what_is_made_elsewhere_is_no_failure(self):
        waits, after = Waiting(HERE, "its run is elsewhere", "apply again"), Skipped(HERE, HERE, later=True)
        found = Applied(State("", "flights", "dev"), waiting=(waits,), skipped=(after,))
        assert (
            events.applied(found)
            == "Applied: nothing. Not there yet, and found by a later apply: feature_view.x, feature_view.x."
        )
        assert events.line(waits, Look()) == "feature_view.x: waits: its run is elsewhere; apply again"
        assert events.line(after, Look()) == "feature_view.x: skipped, because feature_view.x is not there yet"
        assert not Applied(found.state, waiting=(waits,), skipped=(Skipped(HERE, HERE),)).ok


class TestLineage:
    EDGES = (("b.y", "a.x"), ("c.z", "a.x"), ("d.w", "b.y"), ("d.w", "c.z"), ("e.v", "d.w"))

    def test_a_tree_repeats_nothing(self):
        assert as_tree("a.x", self.EDGES, downstream=False).splitlines() == [
            "a.x",
            "├─ b.y",
            "│  └─ d.w",
            "│     └─ e.v",
            "└─ c.z",
            "   └─ d.w (see above)",
        ]

    def test_downstream_and_columns_of_a_thing(self):
        edges = (("s.t.a", "v.w.b"), ("s.t.c", "v.w.d"))
        assert as_tree("s.t", edges, downstream=True).splitlines() == ["s.t.a", "└─ v.w.b", "s.t.c", "└─ v.w.d"]
        assert as_tree("s.t", (), downstream=True) == "s.t\n  (nothing uses it)"

    def test_a_circle_ends(self):
        assert as_tree("a.a", (("b.b", "a.a"), ("a.a", "b.b")), downstream=False).endswith("a.a (see above)")

    def test_mermaid(self):
        assert as_mermaid(self.EDGES[:1]).splitlines() == ["flowchart LR", '  n0["b.y"]', '  n1["a.x"]', "  n0 --> n1"]
