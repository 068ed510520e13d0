"""The edits of the battery: what is changed, and exactly what follows, no more and no less."""

from battery_project import BASE, COLUMNS, RICH, SQL


def of(found: list[dict], address: str) -> dict:
    return next(d for d in found if f"{d['kind']}.{d['name']}" == address)


def sql(name, old, new, more=()):
    def edit(found):
        text = SQL[name]
        for was, now in ((old, new), *more):
            assert was in text, (name, was)
            text = text.replace(was, now)
        of(found, f"feature_view.{name}")["sql"] = text

    return edit


def fields(address, **changed):
    return lambda found: of(found, address).update(changed)


def both(*edits):
    def edit(found):
        for one in edits:
            one(found)

    return edit


def aggregation(name, **changed):
    return lambda found: next(a for a in of(found, "feature_view.windows")["aggregations"] if a["name"] == name).update(
        changed
    )


def column(name, kind):
    return lambda found: of(found, "source.orders").update(columns={**COLUMNS, name: kind})


def features(address, chosen):
    return lambda found: of(found, address).update(features=chosen)


def monitor(name, **changed):
    return fields(f"monitor.{name}", **changed)


VIEW = "feature_view."
BASE_ROWS = {"dataset.base_rows": "rebuild column"}
RICH_ROWS = {"dataset.rich_rows": "rebuild column"}
BASE_MODEL = {"model.base_model": "rebuild column", "deployment.base_live": "update column"}
RICH_MODEL = {"model.rich_model": "rebuild column", "deployment.rich_live": "update column"}
BASE_BELOW = {**BASE_ROWS, **BASE_MODEL}
RICH_BELOW = {**RICH_ROWS, **RICH_MODEL}
DRIFT = {"monitor.doubled_drift": "update column"}
INCOME = {"monitor.income": "update column"}
WEB = {"monitor.web_drift": "update column"}


def rebuilt(*names, how="column"):
    return {VIEW + n: f"rebuild {how}" for n in names}


NOTHING = {
    "a comment": sql("clean", "amount - discount AS net", "amount - discount AS net /* what was paid */", [("\nFROM", "\n-- all\nFROM")]),
    "an inline comment": sql("final", "r.score * 2 AS best,", "r.score * 2 AS best, -- the best\n"),
    "another layout": sql("clean", ", ", ",\n    ", [("FROM orders WHERE", "FROM\n  orders\nWHERE")]),
    "the case of keywords": sql("habits", "SELECT", "select", [("FROM", "from"), (" AS ", " as "), ("JOIN", "join"), ("GROUP BY", "group by")]),
    "the case of names": sql("spend", "net * 2", "NET * 2"),
    "AS left out": sql("daily", " AS ", " "),
    "a CTE renamed": sql("habits", "WITH c AS", "WITH cleaned AS", [("c.", "cleaned."), ("FROM c JOIN", "FROM cleaned JOIN")]),
    "CTEs in another order": lambda found: of(found, VIEW + "habits").update(sql=(
        "WITH d AS (SELECT id, MAX(items) AS most FROM clean GROUP BY id), c AS (SELECT customer, ts, id, net FROM clean) "
        "SELECT c.customer, c.ts, c.id, c.net > 10 AS large, c.net + d.most AS more FROM c JOIN d ON c.id = d.id")),
    "a CTE put in its place": lambda found: of(found, VIEW + "habits").update(sql=(
        "WITH d AS (SELECT id, MAX(items) AS most FROM clean GROUP BY id) "
        "SELECT a.customer, a.ts, a.id, a.net > 10 AS large, a.net + d.most AS more FROM clean AS a JOIN d ON a.id = d.id")),
    "subqueries for CTEs": lambda found: of(found, VIEW + "habits").update(sql=(
        "SELECT c.customer, c.ts, c.id, c.net > 10 AS large, c.net + d.most AS more FROM (SELECT customer, ts, id, net FROM clean) AS c "
        "JOIN (SELECT id, MAX(items) AS most FROM clean GROUP BY id) AS d ON c.id = d.id")),
    "a CTE that nobody reads": sql("spend", "SELECT customer", "WITH unused AS (SELECT COUNT(*) AS n FROM people) SELECT customer"),
    "a step that passes everything on": sql("spend", "FROM clean", "FROM (SELECT * FROM clean) AS everything"),
    "parentheses": sql("clean", "amount > 0", "((amount) > (0))", [("amount - discount", "(amount - discount)")]),
    "AND in another order": sql("clean", "state <> 'void' AND amount > 0", "amount > 0 AND state <> 'void'"),
    "a sum the other way": sql("ranks", "s.doubled + 1", "1 + s.doubled"),
    "a comparison the other way": sql("habits", "c.net > 10", "10 < c.net"),
    "NOT of equality": sql("clean", "state <> 'void'", "NOT (state = 'void')"),
    "!=": sql("clean", "state <> 'void'", "state != 'void'"),
    "the alias of a table": sql("ranks", "s.", "spent.", [("spend AS s", "spend AS spent")]),
    "JOIN USING": sql("ranks", "s.customer,", "customer,", [("JOIN persons AS p ON s.customer = p.customer", "JOIN persons AS p USING (customer)")]),
    "ON the other way": sql("final", "r.id = m.id", "m.id = r.id"),
    "ORDER BY without LIMIT": sql("clean", "amount > 0", "amount > 0 ORDER BY ts, id"),
    "comparisons for BETWEEN": sql("baskets", "items BETWEEN 2 AND 9", "items <= 9 AND items >= 2"),
    "IN in another order": sql("channels", "'web', 'app'", "'app', 'web'"),
    "the spelling of a cast": both(),
    "COUNT(1)": sql("daily", "COUNT(*)", "COUNT(1)"),
    "GROUP BY in another order": sql("daily", "GROUP BY customer, DATE_TRUNC('day', ts)", "GROUP BY DATE_TRUNC('day', ts), customer"),
    "columns in another order": sql("spend", "customer, ts, id, net * 2 AS doubled, amount AS gross", "amount AS gross, id, customer, net * 2 AS doubled, ts"),
    "an address for a name": sql("spend", "FROM clean", "FROM feature_view.clean"),
    "a week for 7 days": aggregation("paid_7d", window="1w"),
    "a condition of an aggregation the other way": aggregation("orders_1d", where="'paid' = state AND 0 < amount"),
    "columns of a source in another order": lambda found: of(found, "source.orders").update(columns=dict(reversed(COLUMNS.items()))),
}  # fmt: skip
del NOTHING["the spelling of a cast"]

EDITS = {
    # -- columns of a view ---------------------------------------------------------------------------------------------
    "a column is added at the end": (
        sql("clean", "channel, items", "channel, items, amount * 3 AS tripled"),
        rebuilt("clean", how="additive"),
    ),
    "a column is added in the middle": (
        sql("clean", "amount - discount AS net", "amount * 3 AS tripled, amount - discount AS net"),
        rebuilt("clean", how="additive"),
    ),
    "a column that nobody reads is dropped": (
        sql("clean", "discount, channel", "channel"),
        rebuilt("clean", how="contract"),
    ),
    "a column that nobody reads is renamed": (
        sql("clean", " net, discount,", " net, discount AS rebate,"),
        rebuilt("clean", how="contract"),
    ),
    "an expression that nobody reads changes": (
        sql("spend", "amount AS gross", "amount + 1 AS gross"),
        rebuilt("spend"),
    ),
    "an expression changes": (
        sql("clean", "amount - discount", "amount - 2 * discount"),
        rebuilt("clean", "spend", "habits", "daily", "ranks", "mixed", "final") | BASE_BELOW | RICH_BELOW | DRIFT | INCOME,
    ),
    "an expression of a last view changes": (
        sql("final", "r.score * 2", "r.score * 3"),
        rebuilt("final") | RICH_BELOW,
    ),
    "one of two expressions changes": (
        sql("habits", "c.net + d.most", "c.net - d.most"),
        rebuilt("habits", "mixed", "final") | RICH_BELOW,
    ),
    "a type changes": (
        sql("channels", "THEN 1 ELSE 0 END", "THEN CAST(1 AS BIGINT) ELSE 0 END"),
        rebuilt("channels", how="column contract")
        | {"feature_set.rich": "update column contract", "dataset.rich_rows": "rebuild column contract", "monitor.web_drift": "update column",
           "model.rich_model": "rebuild column contract", "deployment.rich_live": "update column contract"},
    ),
    "a read column is renamed, and its readers with it": (
        both(sql("clean", " AS net,", " AS paid_net,"), sql("spend", "net * 2", "paid_net * 2"), sql("daily", "SUM(net)", "SUM(paid_net)"),
             sql("habits", "id, net FROM clean", "id, paid_net AS net FROM clean")),
        rebuilt("clean", how="contract"),
    ),
    # -- rows of a view ------------------------------------------------------------------------------------------------
    "a filter at the bottom changes": (
        sql("clean", "amount > 0", "amount > 1"),
        rebuilt("clean", "spend", "habits", "channels", "baskets", "daily", "ranks", "mixed", "final", how="row_shape")
        | BASE_BELOW | RICH_BELOW | DRIFT | INCOME | WEB,
    ),
    "a filter of one view changes": (
        sql("baskets", "2 AND 9", "3 AND 9"),
        rebuilt("baskets", "mixed", "final", how="row_shape") | RICH_BELOW,
    ),
    "a join for its rows only": (
        sql("spend", "FROM clean", "FROM clean JOIN persons USING (customer)"),
        rebuilt("spend", "ranks", "final", how="row_shape") | BASE_BELOW | RICH_BELOW | DRIFT,
    ),
    "a join becomes another": (
        sql("final", "LEFT JOIN", "JOIN"),
        rebuilt("final", how="row_shape") | RICH_BELOW,
    ),
    "DISTINCT": (
        sql("persons", "SELECT", "SELECT DISTINCT"),
        rebuilt("persons", "ranks", "final", how="row_shape") | RICH_BELOW,
    ),
    "another grouping": (
        sql("daily", "'day'", "'week'"),
        rebuilt("daily", how="row_shape") | RICH_BELOW | INCOME,
    ),
    # -- columns of a source -------------------------------------------------------------------------------------------
    "a column of a source that one view reads is retyped": (
        both(column("items", "int64")),
        {"source.orders": "rebuild column contract"} | rebuilt("clean", how="column contract") | rebuilt("habits") | rebuilt("baskets", "mixed", "final", how="row_shape") | RICH_BELOW,
    ),
    "a column of a source that nobody reads is retyped": (
        column("note", {"type": "string", "from": "note", "description": "What was said"}),
        {"source.orders": "update metadata"},
    ),
    "a column of a source that nobody reads is dropped": (
        lambda found: of(found, "source.orders").update(columns={n: t for n, t in COLUMNS.items() if n != "note"}),
        {"source.orders": "rebuild contract"},
    ),
    # -- what a view is ------------------------------------------------------------------------------------------------
    "a window changes": (
        aggregation("paid_7d", window="8d"),
        {"feature_view.windows": "update column", "dataset.base_rows/checks": "update contract"} | BASE_BELOW,
    ),
    "a window that nobody takes changes": (aggregation("most_7d", window="8d"), {"feature_view.windows": "update column"}),
    "a ttl changes": (fields("feature_view.newest", ttl="31d"), {"feature_view.newest": "rebuild contract"} | RICH_BELOW),
    "a boundary changes": (
        fields("feature_view.windows", boundary="inclusive"),
        {"feature_view.windows": "update row_shape"} | BASE_BELOW | RICH_BELOW,
    ),
    "a view is kept as a view": (fields("feature_view.channels", materialize="view"), {"feature_view.channels": "update contract"}),
    "an on-request feature changes": (
        fields("feature_view.asked", on_request={"inputs": {"basket": "int64"}, "features": {"basket_size": "basket + 2"}}),
        {"feature_view.asked": "update column"} | RICH_BELOW,
    ),
    # -- sets, rows, models --------------------------------------------------------------------------------------------
    "a feature is taken from a set": (
        features("feature_set.base", BASE[:-1]),
        {"feature_set.base": "update contract", "dataset.base_rows": "rebuild contract", "model.base_model": "rebuild contract", "deployment.base_live": "update contract"},
    ),
    "a feature is added to a set": (
        features("feature_set.base", [*BASE, "spend.gross"]),
        {"feature_set.base": "update additive", "dataset.base_rows": "rebuild additive", "model.base_model": "rebuild contract", "deployment.base_live": "update contract"},
    ),
    "features in another order": (
        features("feature_set.base", list(reversed(BASE))),
        {"feature_set.base": "update contract", "model.base_model": "rebuild contract", "deployment.base_live": "update contract"},
    ),
    "a label changes": (
        fields("dataset.base_rows", labels={"sql": "SELECT customer, ts AS event_time, amount > 30 AS big FROM orders", "label": "big"}),
        BASE_BELOW | {"deployment.base_live": "update contract"},
    ),
    "a gate is raised": (fields("model.base_model", gates={"auc": {"min": 0.8}}), {"model.base_model": "update contract"}),
    "a parameter of a model changes": (
        fields("model.base_model", parameters={"depth": 4}),
        {"model.base_model": "rebuild contract", "deployment.base_live": "update contract"},
    ),
    "a step is given more time": (
        lambda found: of(found, "pipeline.train_base")["steps"]["train"].update(timeout="1h"),
        {"pipeline.train_base": "update contract"},
    ),
    "replicas only": (fields("deployment.base_live", replicas=3), {"deployment.base_live": "update contract"}),
    # -- watching ------------------------------------------------------------------------------------------------------
    "the threshold of a monitor": (monitor("amount_gaps", threshold={"max": 0.3}), {"monitor.amount_gaps": "update contract"}),
    "the schedule of a monitor": (monitor("slow", schedule="0 4 * * *"), {"monitor.slow": "update contract"}),
    "a check of a column more": (
        fields("source.orders", checks=[{"not_null": ["amount"]}, {"accepted_values": {"column": "state", "values": ["paid", "void"]}}, {"not_null": ["ts"]}]),
        {"source.orders/checks": "update contract"},
    ),
    # -- words only ----------------------------------------------------------------------------------------------------
    "a description": (fields("feature_view.clean", description="Paid orders"), {"feature_view.clean": "update metadata"}),
    "an owner": (fields("feature_view.clean", owner="shop"), {"feature_view.clean": "update metadata"}),
    "tags": (fields("dataset.base_rows", tags=["daily"]), {"dataset.base_rows": "update metadata"}),
}  # fmt: skip
assert {*BASE} & {*RICH} == set()
