CREATE VIEW "mlspec_data"."returns__1ecafc10" AS
SELECT
  CAST("loan_id" AS BIGINT) AS "loan_id",
  CAST("reader" AS BIGINT) AS "reader",
  CAST("returned_at" AS TIMESTAMPTZ) AS "returned_at",
  CAST("late" AS BOOLEAN) AS "late"
FROM (
  SELECT
    "loans"."loan_id" AS "loan_id",
    "loans"."reader" AS "reader",
    "loans"."returned_at" AS "returned_at",
    "loans"."returned_at" > "loans"."lent_at" + INTERVAL '28' DAY AS "late"
  FROM "mlspec_data"."loans__d89496e5" AS "loans"
  WHERE
    NOT "loans"."returned_at" IS NULL
) AS made;
