CREATE VIEW `mlspec_data`.`spending__b676e506` AS
SELECT
  CAST(`customer` AS BIGINT) AS `customer`,
  CAST(`event_time` AS TIMESTAMP) AS `event_time`,
  CAST(`spent_1d` AS DECIMAL(38, 2)) AS `spent_1d`,
  CAST(`spent_30d` AS DECIMAL(38, 2)) AS `spent_30d`,
  CAST(`orders` AS BIGINT) AS `orders`,
  CAST(`largest` AS DECIMAL(10, 2)) AS `largest`
FROM (
  WITH `__questions` AS (
    WITH `__happened` AS (
      SELECT
        `customer` AS `__k0`,
        UNIX_MICROS(CAST(CAST(CAST(`at` AS TIMESTAMP) AS TIMESTAMP_NTZ) AS TIMESTAMP)) AS `__us`
      FROM `mlspec_data`.`orders__040730c0`
      WHERE
        NOT `customer` IS NULL AND NOT `at` IS NULL
    )
    SELECT DISTINCT
      `__k0`,
      `__t`
    FROM (
      SELECT
        `__k0`,
        (
          `__us`
        ) + CAST(1 AS BIGINT) AS `__t`
      FROM `__happened`
      UNION ALL
      SELECT
        `__k0`,
        (
          `__us` + CAST(86400000000 AS BIGINT)
        ) + CAST(1 AS BIGINT) AS `__t`
      FROM `__happened`
      UNION ALL
      SELECT
        `__k0`,
        (
          `__us` + CAST(2592000000000 AS BIGINT)
        ) + CAST(1 AS BIGINT) AS `__t`
      FROM `__happened`
    ) AS `__moments`
  )
  SELECT
    `__q`.`__k0` AS `customer`,
    CAST(CAST(TIMESTAMP_MICROS(`__q`.`__t` - CAST(1 AS BIGINT)) AS TIMESTAMP_NTZ) AS TIMESTAMP) AS `event_time`,
    `__a0`.`spent_1d` AS `spent_1d`,
    `__a0`.`spent_30d` AS `spent_30d`,
    COALESCE(`__a0`.`orders`, 0) AS `orders`,
    `__a1`.`largest` AS `largest`
  FROM `__questions` AS `__q`
  LEFT JOIN (
    WITH `__events` AS (
      SELECT
        `customer` AS `__k0`,
        UNIX_MICROS(CAST(CAST(CAST(`at` AS TIMESTAMP) AS TIMESTAMP_NTZ) AS TIMESTAMP)) AS `__us`,
        CASE WHEN (
          `status` = 'paid'
        ) AND NOT (
          `amount`
        ) IS NULL THEN 1 ELSE 0 END AS `__v0`,
        COALESCE(CASE WHEN (
          `status` = 'paid'
        ) THEN (
          `amount`
        ) END, 0) AS `__v1`,
        1 AS `__v2`
      FROM `mlspec_data`.`orders__040730c0`
      WHERE
        NOT `customer` IS NULL AND NOT `at` IS NULL
    ), `__stream` AS (
      SELECT
        `__k0`,
        (
          `__us`
        ) * CAST(2 AS BIGINT) + CAST(1 AS BIGINT) AS `__at`,
        CAST(NULL AS BIGINT) AS `__t`,
        CAST(NULL AS INT) AS `__end`,
        `__v0` AS `__r0`,
        `__v1` AS `__r1`,
        `__v2` AS `__r2`
      FROM `__events`
      UNION ALL
      SELECT
        `__k0`,
        (
          `__t`
        ) * CAST(2 AS BIGINT) AS `__at`,
        `__t` AS `__t`,
        0 AS `__end`,
        0 AS `__r0`,
        0 AS `__r1`,
        0 AS `__r2`
      FROM `__questions`
      UNION ALL
      SELECT
        `__k0`,
        (
          `__t` - CAST(86400000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS `__at`,
        `__t` AS `__t`,
        1 AS `__end`,
        0 AS `__r0`,
        0 AS `__r1`,
        0 AS `__r2`
      FROM `__questions`
      UNION ALL
      SELECT
        `__k0`,
        (
          `__t` - CAST(2592000000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS `__at`,
        `__t` AS `__t`,
        2 AS `__end`,
        0 AS `__r0`,
        0 AS `__r1`,
        0 AS `__r2`
      FROM `__questions`
    ), `__running` AS (
      SELECT
        `__k0`,
        `__t`,
        `__end`,
        SUM(`__r0`) OVER (PARTITION BY `__k0` ORDER BY `__at` NULLS LAST) AS `__r0`,
        SUM(`__r1`) OVER (PARTITION BY `__k0` ORDER BY `__at` NULLS LAST) AS `__r1`,
        SUM(`__r2`) OVER (PARTITION BY `__k0` ORDER BY `__at` NULLS LAST) AS `__r2`
      FROM `__stream`
    )
    SELECT
      `__k0`,
      `__t`,
      CASE
        WHEN (
          MAX(CASE WHEN `__end` = 0 THEN `__r0` END) - MAX(CASE WHEN `__end` = 1 THEN `__r0` END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN `__end` = 0 THEN `__r1` END) - MAX(CASE WHEN `__end` = 1 THEN `__r1` END)
        ) AS DECIMAL(38, 2))
      END AS `spent_1d`,
      CASE
        WHEN (
          MAX(CASE WHEN `__end` = 0 THEN `__r0` END) - MAX(CASE WHEN `__end` = 2 THEN `__r0` END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN `__end` = 0 THEN `__r1` END) - MAX(CASE WHEN `__end` = 2 THEN `__r1` END)
        ) AS DECIMAL(38, 2))
      END AS `spent_30d`,
      CAST(MAX(CASE WHEN `__end` = 0 THEN `__r2` END) AS BIGINT) AS `orders`
    FROM `__running`
    WHERE
      NOT `__end` IS NULL
    GROUP BY
      `__k0`,
      `__t`
  ) AS `__a0`
    ON `__q`.`__k0` = `__a0`.`__k0` AND `__q`.`__t` = `__a0`.`__t`
  LEFT JOIN (
    SELECT
      `__q`.`__k0`,
      `__q`.`__t`,
      CAST(MAX(`__e`.`__v0`) AS DECIMAL(10, 2)) AS `largest`
    FROM (
      SELECT
        `__k0`,
        `__t`,
        (
          (
            (
              `__t`
            )
          ) DIV CAST(2592000000000 AS BIGINT)
        ) AS `__bucket`
      FROM `__questions`
      UNION ALL
      SELECT
        `__k0`,
        `__t`,
        (
          (
            (
              (
                `__t`
              )
            ) DIV CAST(2592000000000 AS BIGINT)
          )
        ) - CAST(1 AS BIGINT) AS `__bucket`
      FROM `__questions`
    ) AS `__q`
    JOIN (
      SELECT
        *,
        (
          (
            `__us`
          ) DIV CAST(2592000000000 AS BIGINT)
        ) AS `__bucket`
      FROM (
        SELECT
          `customer` AS `__k0`,
          UNIX_MICROS(CAST(CAST(CAST(`at` AS TIMESTAMP) AS TIMESTAMP_NTZ) AS TIMESTAMP)) AS `__us`,
          `amount` AS `__v0`
        FROM `mlspec_data`.`orders__040730c0`
        WHERE
          NOT `customer` IS NULL AND NOT `at` IS NULL
      ) AS `__rows`
    ) AS `__e`
      ON `__q`.`__k0` = `__e`.`__k0`
      AND `__q`.`__bucket` = `__e`.`__bucket`
      AND `__e`.`__us` < `__q`.`__t`
      AND `__e`.`__us` >= `__q`.`__t` - CAST(2592000000000 AS BIGINT)
    GROUP BY
      `__q`.`__k0`,
      `__q`.`__t`
  ) AS `__a1`
    ON `__q`.`__k0` = `__a1`.`__k0` AND `__q`.`__t` = `__a1`.`__t`
) AS `made`;
