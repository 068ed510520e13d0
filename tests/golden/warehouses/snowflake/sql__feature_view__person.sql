CREATE TABLE "mlspec_data"."person__32d7d0cc" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("changed" AS TIMESTAMPLTZ) AS "changed",
  CAST("seen" AS TIMESTAMPLTZ) AS "seen",
  CAST("city" AS VARCHAR) AS "city",
  CAST("decade" AS INT) AS "decade"
FROM (
  SELECT
    "customers"."customer" AS "customer",
    "customers"."changed" AS "changed",
    "customers"."seen" AS "seen",
    UPPER(TRIM("customers"."city")) AS "city",
    CAST(CASE
      WHEN (
        CAST(CAST(CAST(DATE_PART(YEAR, "customers"."born") AS BIGINT) AS DOUBLE) / CAST(10 AS DOUBLE) AS DOUBLE) - FLOOR(
          CAST(CAST(CAST(DATE_PART(YEAR, "customers"."born") AS BIGINT) AS DOUBLE) / CAST(10 AS DOUBLE) AS DOUBLE)
        )
      ) = CAST(0.5 AS DOUBLE)
      THEN CAST(2 AS DOUBLE) * ROUND(
        CAST(CAST(CAST(DATE_PART(YEAR, "customers"."born") AS BIGINT) AS DOUBLE) / CAST(10 AS DOUBLE) AS DOUBLE) / CAST(2 AS DOUBLE)
      )
      ELSE ROUND(
        CAST(CAST(CAST(DATE_PART(YEAR, "customers"."born") AS BIGINT) AS DOUBLE) / CAST(10 AS DOUBLE) AS DOUBLE)
      )
    END AS INT) AS "decade"
  FROM "mlspec_data"."customers__c8ce95ac" AS "customers"
) AS "made";
