CREATE VIEW "mlspec_data"."visits_before__183228a0" AS
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
      FROM "mlspec_data"."visits__3ac8574f"
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
        CASE
          WHEN NOT (
            "pages"
          ) IS NULL
          THEN CAST(1 AS BIGINT)
          ELSE CAST(0 AS BIGINT)
        END AS "__v0",
        COALESCE(CAST((
          "pages"
        ) AS BIGINT), CAST(0 AS BIGINT)) AS "__v1"
      FROM "mlspec_data"."visits__3ac8574f"
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
        CAST(1 AS BIGINT) AS "__stream",
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
        END AS "__r1",
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
        END AS "__r2",
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
        END AS "__r3"
      FROM __events
      UNION ALL
      SELECT
        "__k0",
        (
          "__us"
        ) * CAST(2 AS BIGINT) + CAST(1 AS BIGINT) AS "__at",
        CAST(0 AS BIGINT) AS "__stream",
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
        END AS "__r1",
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
        END AS "__r2",
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
        END AS "__r3"
      FROM __events
      UNION ALL
      SELECT
        "__k0",
        (
          "__t"
        ) * CAST(2 AS BIGINT) AS "__at",
        CAST(1 AS BIGINT) AS "__stream",
        "__t",
        0 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3"
      FROM __questions
      UNION ALL
      SELECT
        "__k0",
        (
          "__t" - CAST(604800000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        CAST(0 AS BIGINT) AS "__stream",
        "__t",
        1 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3"
      FROM __questions
      UNION ALL
      SELECT
        "__k0",
        (
          "__t" - CAST(2592000000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        CAST(0 AS BIGINT) AS "__stream",
        "__t",
        2 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3"
      FROM __questions
    ), __running AS (
      SELECT
        "__k0",
        "__t",
        "__end",
        SUM("__r0") OVER (PARTITION BY "__k0", "__stream" ORDER BY "__at") AS "__r0",
        SUM("__r1") OVER (PARTITION BY "__k0", "__stream" ORDER BY "__at") AS "__r1",
        SUM("__r2") OVER (PARTITION BY "__k0", "__stream" ORDER BY "__at") AS "__r2",
        SUM("__r3") OVER (PARTITION BY "__k0", "__stream" ORDER BY "__at") AS "__r3"
      FROM __stream
    )
    SELECT
      "__k0",
      "__t",
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r0" END) - MAX(CASE WHEN "__end" = 1 THEN "__r0" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r1" END) - MAX(CASE WHEN "__end" = 1 THEN "__r1" END)
        ) AS BIGINT)
      END AS "pages",
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r2" END) - MAX(CASE WHEN "__end" = 2 THEN "__r2" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r3" END) - MAX(CASE WHEN "__end" = 2 THEN "__r3" END)
        ) AS DOUBLE) / CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r2" END) - MAX(CASE WHEN "__end" = 2 THEN "__r2" END)
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
