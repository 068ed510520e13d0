CREATE VIEW "mlspec_data"."visits_before__274c015d" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("event_time" AS TIMESTAMPTZ) AS "event_time",
  CAST("pages" AS BIGINT) AS "pages",
  CAST("pages_a_day" AS DOUBLE) AS "pages_a_day"
FROM (
  WITH __questions AS MATERIALIZED (
    WITH __happened AS (
      SELECT
        "customer" AS "__k0",
        EPOCH_US(CAST("day" AS TIMESTAMPTZ)) AS "__us",
        EPOCH_US(CAST("available_time" AS TIMESTAMPTZ)) AS "__known"
      FROM "mlspec_data"."visits__2c2d8381"
      WHERE
        NOT "customer" IS NULL AND NOT "day" IS NULL AND NOT "available_time" IS NULL
    )
    SELECT DISTINCT
      "__k0",
      "__t"
    FROM (
      SELECT
        "__k0",
        (
          CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
        ) + CAST(1 AS BIGINT) AS "__t"
      FROM __happened
      UNION ALL
      SELECT
        "__k0",
        (
          "__us" + CAST(604800000000 AS BIGINT)
        ) + CAST(1 AS BIGINT) AS "__t"
      FROM __happened
      UNION ALL
      SELECT
        "__k0",
        (
          "__us" + CAST(2592000000000 AS BIGINT)
        ) + CAST(1 AS BIGINT) AS "__t"
      FROM __happened
    ) AS __moments
  )
  SELECT
    "__q"."__k0" AS "customer",
    MAKE_TIMESTAMP("__q"."__t" - CAST(1 AS BIGINT)) AT TIME ZONE 'UTC' AS "event_time",
    "__a0"."pages" AS "pages",
    "__a0"."pages_a_day" AS "pages_a_day"
  FROM __questions AS __q
  LEFT JOIN (
    WITH __events AS (
      SELECT
        "customer" AS "__k0",
        EPOCH_US(CAST("day" AS TIMESTAMPTZ)) AS "__us",
        EPOCH_US(CAST("available_time" AS TIMESTAMPTZ)) AS "__known",
        CASE WHEN NOT (
          "pages"
        ) IS NULL THEN 1 ELSE 0 END AS "__v0",
        COALESCE((
          "pages"
        ), 0) AS "__v1"
      FROM "mlspec_data"."visits__2c2d8381"
      WHERE
        NOT "customer" IS NULL AND NOT "day" IS NULL AND NOT "available_time" IS NULL
    ), __stream AS (
      SELECT
        "__k0",
        (
          CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
        ) * CAST(2 AS BIGINT) + CAST(1 AS BIGINT) AS "__at",
        CAST(NULL AS BIGINT) AS "__t",
        CAST(NULL AS INT) AS "__end",
        CASE
          WHEN (
            "__us" + CAST(604800000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v0"
          ELSE 0
        END AS "__r0",
        0 AS "__r1",
        CASE
          WHEN (
            "__us" + CAST(604800000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v1"
          ELSE 0
        END AS "__r2",
        0 AS "__r3",
        CASE
          WHEN (
            "__us" + CAST(2592000000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v0"
          ELSE 0
        END AS "__r4",
        0 AS "__r5",
        CASE
          WHEN (
            "__us" + CAST(2592000000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v1"
          ELSE 0
        END AS "__r6",
        0 AS "__r7"
      FROM __events
      UNION ALL
      SELECT
        "__k0",
        (
          "__us"
        ) * CAST(2 AS BIGINT) + CAST(1 AS BIGINT) AS "__at",
        CAST(NULL AS BIGINT) AS "__t",
        CAST(NULL AS INT) AS "__end",
        0 AS "__r0",
        CASE
          WHEN (
            "__us" + CAST(604800000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v0"
          ELSE 0
        END AS "__r1",
        0 AS "__r2",
        CASE
          WHEN (
            "__us" + CAST(604800000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v1"
          ELSE 0
        END AS "__r3",
        0 AS "__r4",
        CASE
          WHEN (
            "__us" + CAST(2592000000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v0"
          ELSE 0
        END AS "__r5",
        0 AS "__r6",
        CASE
          WHEN (
            "__us" + CAST(2592000000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v1"
          ELSE 0
        END AS "__r7"
      FROM __events
      UNION ALL
      SELECT
        "__k0",
        (
          "__t"
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        0 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3",
        0 AS "__r4",
        0 AS "__r5",
        0 AS "__r6",
        0 AS "__r7"
      FROM __questions
      UNION ALL
      SELECT
        "__k0",
        (
          "__t" - CAST(604800000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        1 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3",
        0 AS "__r4",
        0 AS "__r5",
        0 AS "__r6",
        0 AS "__r7"
      FROM __questions
      UNION ALL
      SELECT
        "__k0",
        (
          "__t" - CAST(2592000000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        2 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3",
        0 AS "__r4",
        0 AS "__r5",
        0 AS "__r6",
        0 AS "__r7"
      FROM __questions
    ), __running AS (
      SELECT
        "__k0",
        "__t",
        CASE
          WHEN (
            "__p0" > "__k0" OR (
              "__p0" = "__k0" AND (
                "__p1" > "__at"
              )
            )
          )
          THEN CAST(ERROR('the rows of a stream came in another order than asked for') AS INT)
          ELSE "__end"
        END AS "__end",
        SUM("__r0") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r0",
        SUM("__r1") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r1",
        SUM("__r2") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r2",
        SUM("__r3") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r3",
        SUM("__r4") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r4",
        SUM("__r5") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r5",
        SUM("__r6") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r6",
        SUM("__r7") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r7"
      FROM (
        SELECT
          *,
          LAG("__k0") OVER () AS "__p0",
          LAG("__at") OVER () AS "__p1"
        FROM (
          SELECT
            *
          FROM __stream
          ORDER BY
            "__k0",
            "__at"
        ) AS __ordered
      ) AS __beside
    )
    SELECT
      "__k0",
      "__t",
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r0" END) - MAX(CASE WHEN "__end" = 1 THEN "__r1" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r2" END) - MAX(CASE WHEN "__end" = 1 THEN "__r3" END)
        ) AS BIGINT)
      END AS "pages",
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r4" END) - MAX(CASE WHEN "__end" = 2 THEN "__r5" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r6" END) - MAX(CASE WHEN "__end" = 2 THEN "__r7" END)
        ) AS DOUBLE) / CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r4" END) - MAX(CASE WHEN "__end" = 2 THEN "__r5" END)
        ) AS DOUBLE)
      END AS "pages_a_day"
    FROM __running
    WHERE
      NOT "__end" IS NULL
    GROUP BY
      "__k0",
      "__t"
  ) AS "__a0"
    ON "__q"."__k0" = "__a0"."__k0" AND "__q"."__t" = "__a0"."__t"
) AS made;
