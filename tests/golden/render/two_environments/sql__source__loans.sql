CREATE TABLE "mlspec_data"."loans__b8c369f3" AS
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
      CAST("loan_id" AS BIGINT) AS "loan_id",
      CAST("reader" AS BIGINT) AS "reader",
      CAST("lent_at" AS TIMESTAMPTZ) AS "lent_at",
      CAST("returned_at" AS TIMESTAMPTZ) AS "returned_at"
    FROM READ_CSV(
      ['data/loans.csv'],
      all_varchar = TRUE,
      delim = ',',
      quote = '"',
      escape = '"',
      header = TRUE,
      nullstr = [''],
      strict_mode = TRUE,
      null_padding = FALSE,
      ignore_errors = FALSE
    )
  ) AS scan
) AS made;
