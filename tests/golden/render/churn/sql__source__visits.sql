CREATE TABLE "mlspec_data"."visits__5b7246b1" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("day" AS DATE) AS "day",
  CAST("pages" AS INT) AS "pages",
  CAST("available_time" AS TIMESTAMPTZ) AS "available_time"
FROM (
  SELECT
    *,
    (
      CAST("day" AS TIMESTAMP) + INTERVAL '86400000000' MICROSECOND
    ) AT TIME ZONE 'Europe/Berlin' AS "available_time"
  FROM (
    SELECT
      "customer" AS "customer",
      "day" AS "day",
      "pages" AS "pages"
    FROM (
      SELECT
        CAST("customer" AS BIGINT) AS "customer",
        CAST("day" AS DATE) AS "day",
        CAST("pages" AS INT) AS "pages"
      FROM READ_CSV(
        ['data/visits.csv'],
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
  ) AS rows
) AS made;
