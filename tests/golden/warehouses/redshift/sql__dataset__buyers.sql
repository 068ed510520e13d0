CREATE TABLE "mlspec_data"."buyers__41ecbc79" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("event_time" AS TIMESTAMP WITH TIME ZONE) AS "event_time",
  CAST("large" AS BOOLEAN) AS "large",
  CAST("spending__largest" AS DECIMAL(10, 2)) AS "spending__largest",
  CAST("spending__orders" AS BIGINT) AS "spending__orders",
  CAST("spending__spent_1d" AS DECIMAL(38, 2)) AS "spending__spent_1d",
  CAST("spending__spent_30d" AS DECIMAL(38, 2)) AS "spending__spent_30d",
  CAST("person__city" AS VARCHAR(MAX)) AS "person__city",
  CAST("person__decade" AS INTEGER) AS "person__decade",
  CAST("split" AS VARCHAR(MAX)) AS "split"
FROM (
  WITH "__spine" AS (
    SELECT
      *
    FROM (
      SELECT
        "orders"."customer" AS "customer",
        "orders"."at" AS "event_time",
        "orders"."amount" > 100 AS "large"
      FROM "mlspec_data"."orders__040730c0" AS "orders"
      WHERE
        "orders"."status" LIKE 'pa%'
    ) AS "__asked"
  ), "__q0" AS (
    SELECT DISTINCT
      "customer" AS "__k0",
      DATEDIFF(
        'microsecond',
        CAST('1970-01-01 00:00:00' AS TIMESTAMP),
        CAST(CAST((
          CAST("event_time" AS TIMESTAMP WITH TIME ZONE)
        ) AT TIME ZONE 'UTC' AS TIMESTAMP) AS TIMESTAMP)
      ) AS "__t"
    FROM "__spine"
    WHERE
      NOT "customer" IS NULL AND NOT "event_time" IS NULL
  )
  SELECT
    "__s"."customer",
    "__s"."event_time",
    "__s"."large",
    "__f0_1"."largest" AS "spending__largest",
    COALESCE("__f0_0"."orders", 0) AS "spending__orders",
    "__f0_0"."spent_1d" AS "spending__spent_1d",
    "__f0_0"."spent_30d" AS "spending__spent_30d",
    CASE
      WHEN "__f1"."__event" >= DATEADD('second', -31536000, "__s"."event_time")
      THEN "__f1"."__v0"
    END AS "person__city",
    CASE
      WHEN "__f1"."__event" >= DATEADD('second', -31536000, "__s"."event_time")
      THEN "__f1"."__v1"
    END AS "person__decade",
    CASE
      WHEN CAST(CAST(STRTOL(
        SUBSTR(
          MD5((
            'split' || '|' || COALESCE(CAST("__s"."customer" AS VARCHAR(MAX)), '')
          )),
          1,
          8
        ),
        16
      ) AS BIGINT) AS DOUBLE PRECISION) / CAST(4294967296.0 AS DOUBLE PRECISION) < 0.8
      THEN 'train'
      ELSE 'test'
    END AS "split"
  FROM "__spine" AS "__s"
  LEFT JOIN (
    WITH "__events" AS (
      SELECT
        "customer" AS "__k0",
        DATEDIFF(
          'microsecond',
          CAST('1970-01-01 00:00:00' AS TIMESTAMP),
          CAST(CAST((
            CAST("at" AS TIMESTAMP WITH TIME ZONE)
          ) AT TIME ZONE 'UTC' AS TIMESTAMP) AS TIMESTAMP)
        ) AS "__us",
        CASE WHEN (
          "status" = 'paid'
        ) AND NOT (
          "amount"
        ) IS NULL THEN 1 ELSE 0 END AS "__v0",
        COALESCE(CASE WHEN (
          "status" = 'paid'
        ) THEN (
          "amount"
        ) END, 0) AS "__v1",
        1 AS "__v2"
      FROM "mlspec_data"."orders__040730c0"
      WHERE
        NOT "customer" IS NULL AND NOT "at" IS NULL
    ), "__stream" AS (
      SELECT
        "__k0",
        (
          "__us"
        ) * CAST(2 AS BIGINT) + CAST(1 AS BIGINT) AS "__at",
        CAST(NULL AS BIGINT) AS "__t",
        CAST(NULL AS INTEGER) AS "__end",
        "__v0" AS "__r0",
        "__v1" AS "__r1",
        "__v2" AS "__r2"
      FROM "__events"
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
        0 AS "__r2"
      FROM "__q0"
      UNION ALL
      SELECT
        "__k0",
        (
          "__t" - CAST(86400000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        1 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2"
      FROM "__q0"
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
        0 AS "__r2"
      FROM "__q0"
    ), "__running" AS (
      SELECT
        "__k0",
        "__t",
        "__end",
        SUM("__r0") OVER (
          PARTITION BY "__k0"
          ORDER BY "__at"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS "__r0",
        SUM("__r1") OVER (
          PARTITION BY "__k0"
          ORDER BY "__at"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS "__r1",
        SUM("__r2") OVER (
          PARTITION BY "__k0"
          ORDER BY "__at"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS "__r2"
      FROM "__stream"
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
        ) AS DECIMAL(38, 2))
      END AS "spent_1d",
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r0" END) - MAX(CASE WHEN "__end" = 2 THEN "__r0" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r1" END) - MAX(CASE WHEN "__end" = 2 THEN "__r1" END)
        ) AS DECIMAL(38, 2))
      END AS "spent_30d",
      CAST(MAX(CASE WHEN "__end" = 0 THEN "__r2" END) AS BIGINT) AS "orders"
    FROM "__running"
    WHERE
      NOT "__end" IS NULL
    GROUP BY
      "__k0",
      "__t"
  ) AS "__f0_0"
    ON "__s"."customer" = "__f0_0"."__k0"
    AND DATEDIFF(
      'microsecond',
      CAST('1970-01-01 00:00:00' AS TIMESTAMP),
      CAST(CAST((
        CAST("__s"."event_time" AS TIMESTAMP WITH TIME ZONE)
      ) AT TIME ZONE 'UTC' AS TIMESTAMP) AS TIMESTAMP)
    ) = "__f0_0"."__t"
  LEFT JOIN (
    SELECT
      "__q"."__k0",
      "__q"."__t",
      CAST(MAX("__e"."__v0") AS DECIMAL(10, 2)) AS "largest"
    FROM (
      SELECT
        "__k0",
        "__t",
        (
          CAST((
            (
              "__t"
            )
          ) AS BIGINT) / CAST(CAST(2592000000000 AS BIGINT) AS BIGINT)
        ) AS "__bucket"
      FROM "__q0"
      UNION ALL
      SELECT
        "__k0",
        "__t",
        (
          (
            CAST((
              (
                "__t"
              )
            ) AS BIGINT) / CAST(CAST(2592000000000 AS BIGINT) AS BIGINT)
          )
        ) - CAST(1 AS BIGINT) AS "__bucket"
      FROM "__q0"
    ) AS "__q"
    JOIN (
      SELECT
        *,
        (
          CAST((
            "__us"
          ) AS BIGINT) / CAST(CAST(2592000000000 AS BIGINT) AS BIGINT)
        ) AS "__bucket"
      FROM (
        SELECT
          "customer" AS "__k0",
          DATEDIFF(
            'microsecond',
            CAST('1970-01-01 00:00:00' AS TIMESTAMP),
            CAST(CAST((
              CAST("at" AS TIMESTAMP WITH TIME ZONE)
            ) AT TIME ZONE 'UTC' AS TIMESTAMP) AS TIMESTAMP)
          ) AS "__us",
          "amount" AS "__v0"
        FROM "mlspec_data"."orders__040730c0"
        WHERE
          NOT "customer" IS NULL AND NOT "at" IS NULL
      ) AS "__rows"
    ) AS "__e"
      ON "__q"."__k0" = "__e"."__k0"
      AND "__q"."__bucket" = "__e"."__bucket"
      AND "__e"."__us" < "__q"."__t"
      AND "__e"."__us" >= "__q"."__t" - CAST(2592000000000 AS BIGINT)
    GROUP BY
      "__q"."__k0",
      "__q"."__t"
  ) AS "__f0_1"
    ON "__s"."customer" = "__f0_1"."__k0"
    AND DATEDIFF(
      'microsecond',
      CAST('1970-01-01 00:00:00' AS TIMESTAMP),
      CAST(CAST((
        CAST("__s"."event_time" AS TIMESTAMP WITH TIME ZONE)
      ) AT TIME ZONE 'UTC' AS TIMESTAMP) AS TIMESTAMP)
    ) = "__f0_1"."__t"
  LEFT JOIN (
    SELECT
      "__c"."customer",
      "__c"."__at" AS "__asked_at",
      "__n"."__event",
      "__n"."__known",
      "__n"."__v0",
      "__n"."__v1"
    FROM (
      SELECT
        "customer",
        "__at",
        "__asks",
        SUM("__one") OVER (
          PARTITION BY "customer"
          ORDER BY "__at", "__side"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS "__number"
      FROM (
        SELECT
          "customer",
          "__known" AS "__at",
          0 AS "__side",
          1 AS "__one",
          FALSE AS "__asks"
        FROM (
          SELECT
            *
          FROM (
            SELECT
              "customer",
              "city" AS "__v0",
              "decade" AS "__v1",
              MAX("changed") OVER (
                PARTITION BY "customer"
                ORDER BY "seen", "changed" DESC NULLS LAST
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
              ) AS "__newest",
              "changed" AS "__event",
              "seen" AS "__known"
            FROM "mlspec_data"."person__32d7d0cc"
            WHERE
              NOT "customer" IS NULL AND NOT "changed" IS NULL AND NOT "seen" IS NULL
          ) AS "__known_rows"
          WHERE
            "__event" = "__newest"
        ) AS "__rows"
        UNION ALL
        SELECT
          "customer",
          "event_time",
          1,
          0,
          TRUE
        FROM (
          SELECT DISTINCT
            "customer",
            "event_time"
          FROM "__spine"
          WHERE
            NOT "customer" IS NULL AND NOT "event_time" IS NULL
        ) AS "__questions"
      ) AS "__stream"
    ) AS "__c"
    JOIN (
      SELECT
        *,
        ROW_NUMBER() OVER (PARTITION BY "customer" ORDER BY "__known" ASC) AS "__number"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "customer",
            "city" AS "__v0",
            "decade" AS "__v1",
            MAX("changed") OVER (
              PARTITION BY "customer"
              ORDER BY "seen", "changed" DESC NULLS LAST
              ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS "__newest",
            "changed" AS "__event",
            "seen" AS "__known"
          FROM "mlspec_data"."person__32d7d0cc"
          WHERE
            NOT "customer" IS NULL AND NOT "changed" IS NULL AND NOT "seen" IS NULL
        ) AS "__known_rows"
        WHERE
          "__event" = "__newest"
      ) AS "__rows"
    ) AS "__n"
      ON "__c"."customer" = "__n"."customer" AND "__c"."__number" = "__n"."__number"
    WHERE
      "__c"."__asks"
  ) AS "__f1"
    ON "__s"."customer" = "__f1"."customer" AND "__s"."event_time" = "__f1"."__asked_at"
) AS "made";
