CREATE TABLE "mlspec_data"."loans__d89496e5" AS
SELECT
  CAST("loan_id" AS BIGINT) AS "loan_id",
  CAST("reader" AS BIGINT) AS "reader",
  CAST("lent_at" AS TIMESTAMPTZ) AS "lent_at",
  CAST("returned_at" AS TIMESTAMPTZ) AS "returned_at"
FROM (
  SELECT
    "loan_id" AS "loan_id",
    "reader" AS "reader",
    "lent_at" AS "lent_at",
    "returned_at" AS "returned_at"
  FROM (
    SELECT
      CASE
        WHEN CONTAINS(NULLIF("loan_id", ''), '.')
        OR CONTAINS(LOWER(NULLIF("loan_id", '')), 'e')
        THEN ERROR('a value is no int64')
        ELSE CAST(NULLIF("loan_id", '') AS BIGINT)
      END AS "loan_id",
      CASE
        WHEN CONTAINS(NULLIF("reader", ''), '.') OR CONTAINS(LOWER(NULLIF("reader", '')), 'e')
        THEN ERROR('a value is no int64')
        ELSE CAST(NULLIF("reader", '') AS BIGINT)
      END AS "reader",
      CASE
        WHEN NOT REGEXP_MATCHES(SUBSTRING(NULLIF("lent_at", ''), 12), '[A-Za-z+-]')
        THEN ERROR('a value is no timestamptz')
        ELSE CAST(NULLIF("lent_at", '') AS TIMESTAMPTZ)
      END AS "lent_at",
      CASE
        WHEN NOT REGEXP_MATCHES(SUBSTRING(NULLIF("returned_at", ''), 12), '[A-Za-z+-]')
        THEN ERROR('a value is no timestamptz')
        ELSE CAST(NULLIF("returned_at", '') AS TIMESTAMPTZ)
      END AS "returned_at"
    FROM READ_CSV(
      ['data/loans.csv'],
      auto_detect = FALSE,
      "columns" = {'loan_id': 'VARCHAR', 'reader': 'VARCHAR', 'lent_at': 'VARCHAR', 'returned_at': 'VARCHAR'},
      delim = ',',
      quote = '"',
      escape = '"',
      header = TRUE,
      nullstr = ['no text is null'],
      allow_quoted_nulls = TRUE,
      strict_mode = TRUE,
      null_padding = FALSE,
      ignore_errors = FALSE,
      hive_partitioning = FALSE
    )
  ) AS scan
) AS made;
