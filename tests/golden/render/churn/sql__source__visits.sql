CREATE TABLE "mlspec_data"."visits__2c2d8381" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("day" AS DATE) AS "day",
  CAST("pages" AS INT) AS "pages",
  CAST("available_time" AS TIMESTAMPTZ) AS "available_time"
FROM (
  SELECT
    *,
    CAST(CAST("day" AS TIMESTAMP) + INTERVAL '86400000000' MICROSECOND AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin' AS "available_time"
  FROM (
    SELECT
      "customer" AS "customer",
      "day" AS "day",
      "pages" AS "pages"
    FROM (
      SELECT
        CASE
          WHEN CONTAINS(NULLIF("customer", ''), '.')
          OR CONTAINS(LOWER(NULLIF("customer", '')), 'e')
          THEN ERROR('a value is no int64')
          ELSE CAST(NULLIF("customer", '') AS BIGINT)
        END AS "customer",
        CASE
          WHEN CONTAINS(NULLIF("day", ''), ':')
          THEN ERROR('a value is no date')
          ELSE CAST(NULLIF("day", '') AS DATE)
        END AS "day",
        CASE
          WHEN CONTAINS(NULLIF("pages", ''), '.') OR CONTAINS(LOWER(NULLIF("pages", '')), 'e')
          THEN ERROR('a value is no int32')
          ELSE CAST(NULLIF("pages", '') AS INT)
        END AS "pages"
      FROM READ_CSV(
        ['data/visits.csv'],
        auto_detect = FALSE,
        "columns" = {'customer': 'VARCHAR', 'day': 'VARCHAR', 'pages': 'VARCHAR'},
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
  ) AS rows
) AS made;
