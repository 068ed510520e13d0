CREATE TABLE "mlspec_data"."late_returns__97f87340" AS
SELECT
  CAST("loan_id" AS BIGINT) AS "loan_id",
  CAST("reader" AS BIGINT) AS "reader",
  CAST("event_time" AS TIMESTAMPTZ) AS "event_time",
  CAST("late" AS BOOLEAN) AS "late",
  CAST("reader_returns__late_rate_90d" AS DOUBLE) AS "reader_returns__late_rate_90d",
  CAST("reader_returns__returns_90d" AS BIGINT) AS "reader_returns__returns_90d"
FROM (
  WITH __spine AS (
    SELECT
      ROW_NUMBER() OVER () AS "__row",
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "l"."loan_id" AS "loan_id",
          "l"."reader" AS "reader",
          "l"."lent_at" AS "event_time",
          "r"."late" AS "late"
        FROM "mlspec_data"."loans__b8c369f3" AS "l"
        JOIN "mlspec_data"."returns__4194e46f" AS "r"
          ON "r"."loan_id" = "l"."loan_id"
      ) AS rows
      WHERE
        "event_time" >= CAST('2024-01-01T00:00:00+00:00' AS TIMESTAMPTZ)
    ) AS __asked
  )
  SELECT
    "__s"."loan_id",
    "__s"."reader",
    "__s"."event_time",
    "__s"."late",
    "__f0"."__v0" AS "reader_returns__late_rate_90d",
    COALESCE("__f0"."__v1", 0) AS "reader_returns__returns_90d"
  FROM __spine AS __s
  ASOF LEFT JOIN (
    SELECT
      "reader",
      TRUE AS "__found",
      "late_rate_90d" AS "__v0",
      "returns_90d" AS "__v1",
      "event_time" AS "__event",
      "event_time" AS "__known"
    FROM "mlspec_data"."reader_returns__57337363"
    WHERE
      NOT "event_time" IS NULL
  ) AS "__f0"
    ON "__s"."reader" = "__f0"."reader" AND "__s"."event_time" > "__f0"."__known"
  ORDER BY
    "__s"."__row"
) AS made;
