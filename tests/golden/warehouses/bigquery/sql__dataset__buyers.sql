CREATE TABLE `mlspec_data`.`buyers__41ecbc79` AS
SELECT
  CAST(`customer` AS INT64) AS `customer`,
  CAST(`event_time` AS TIMESTAMP) AS `event_time`,
  CAST(`large` AS BOOL) AS `large`,
  CAST(ROUND(CAST(`spending__largest` AS NUMERIC), 2) AS NUMERIC) AS `spending__largest`,
  CAST(`spending__orders` AS INT64) AS `spending__orders`,
  CAST(ROUND(CAST(`spending__spent_1d` AS BIGNUMERIC), 2) AS BIGNUMERIC) AS `spending__spent_1d`,
  CAST(ROUND(CAST(`spending__spent_30d` AS BIGNUMERIC), 2) AS BIGNUMERIC) AS `spending__spent_30d`,
  CAST(`person__city` AS STRING) AS `person__city`,
  CAST(`person__decade` AS INT64) AS `person__decade`,
  CAST(`split` AS STRING) AS `split`
FROM (
  WITH `__spine` AS (
    SELECT
      *
    FROM (
      SELECT
        `orders`.`customer` AS `customer`,
        `orders`.`at` AS `event_time`,
        `orders`.`amount` > 100 AS `large`
      FROM `mlspec_data`.`orders__040730c0` AS `orders`
      WHERE
        `orders`.`status` LIKE 'pa%'
    ) AS `__asked`
  ), `__q0` AS (
    SELECT DISTINCT
      `customer` AS `__k0`,
      UNIX_MICROS(CAST(CAST(CAST(`event_time` AS TIMESTAMP) AS DATETIME) AS TIMESTAMP)) AS `__t`
    FROM `__spine`
    WHERE
      NOT `customer` IS NULL AND NOT `event_time` IS NULL
  )
  SELECT
    `__s`.`customer`,
    `__s`.`event_time`,
    `__s`.`large`,
    `__f0_1`.`largest` AS `spending__largest`,
    COALESCE(`__f0_0`.`orders`, 0) AS `spending__orders`,
    `__f0_0`.`spent_1d` AS `spending__spent_1d`,
    `__f0_0`.`spent_30d` AS `spending__spent_30d`,
    CASE
      WHEN `__f1`.`__event` >= (
        `__s`.`event_time` - INTERVAL 31536000 SECOND
      )
      THEN `__f1`.`__v0`
    END AS `person__city`,
    CASE
      WHEN `__f1`.`__event` >= (
        `__s`.`event_time` - INTERVAL 31536000 SECOND
      )
      THEN `__f1`.`__v1`
    END AS `person__decade`,
    CASE
      WHEN IEEE_DIVIDE(
        CAST(CAST(CAST(CONCAT(
          '0x',
          SUBSTR(
            TO_HEX(MD5((
              'split' || '|' || COALESCE(CAST(`__s`.`customer` AS STRING), '')
            ))),
            1,
            8
          )
        ) AS INT64) AS INT64) AS FLOAT64),
        CAST(4294967296.0 AS FLOAT64)
      ) < 0.8
      THEN 'train'
      ELSE 'test'
    END AS `split`
  FROM `__spine` AS `__s`
  LEFT JOIN (
    WITH `__events` AS (
      SELECT
        `customer` AS `__k0`,
        UNIX_MICROS(CAST(CAST(CAST(`at` AS TIMESTAMP) AS DATETIME) AS TIMESTAMP)) AS `__us`,
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
        ) * CAST(2 AS INT64) + CAST(1 AS INT64) AS `__at`,
        CAST(NULL AS INT64) AS `__t`,
        CAST(NULL AS INT64) AS `__end`,
        `__v0` AS `__r0`,
        `__v1` AS `__r1`,
        `__v2` AS `__r2`
      FROM `__events`
      UNION ALL
      SELECT
        `__k0`,
        (
          `__t`
        ) * CAST(2 AS INT64) AS `__at`,
        `__t` AS `__t`,
        0 AS `__end`,
        0 AS `__r0`,
        0 AS `__r1`,
        0 AS `__r2`
      FROM `__q0`
      UNION ALL
      SELECT
        `__k0`,
        (
          `__t` - CAST(86400000000 AS INT64)
        ) * CAST(2 AS INT64) AS `__at`,
        `__t` AS `__t`,
        1 AS `__end`,
        0 AS `__r0`,
        0 AS `__r1`,
        0 AS `__r2`
      FROM `__q0`
      UNION ALL
      SELECT
        `__k0`,
        (
          `__t` - CAST(2592000000000 AS INT64)
        ) * CAST(2 AS INT64) AS `__at`,
        `__t` AS `__t`,
        2 AS `__end`,
        0 AS `__r0`,
        0 AS `__r1`,
        0 AS `__r2`
      FROM `__q0`
    ), `__running` AS (
      SELECT
        `__k0`,
        `__t`,
        `__end`,
        SUM(`__r0`) OVER (PARTITION BY `__k0` ORDER BY `__at` ASC) AS `__r0`,
        SUM(`__r1`) OVER (PARTITION BY `__k0` ORDER BY `__at` ASC) AS `__r1`,
        SUM(`__r2`) OVER (PARTITION BY `__k0` ORDER BY `__at` ASC) AS `__r2`
      FROM `__stream`
    )
    SELECT
      `__k0`,
      `__t`,
      CASE
        WHEN (
          MAX(CASE WHEN `__end` = 0 THEN `__r0` END) - MAX(CASE WHEN `__end` = 1 THEN `__r0` END)
        ) > 0
        THEN CAST(ROUND(
          CAST((
            MAX(CASE WHEN `__end` = 0 THEN `__r1` END) - MAX(CASE WHEN `__end` = 1 THEN `__r1` END)
          ) AS BIGNUMERIC),
          2
        ) AS BIGNUMERIC)
      END AS `spent_1d`,
      CASE
        WHEN (
          MAX(CASE WHEN `__end` = 0 THEN `__r0` END) - MAX(CASE WHEN `__end` = 2 THEN `__r0` END)
        ) > 0
        THEN CAST(ROUND(
          CAST((
            MAX(CASE WHEN `__end` = 0 THEN `__r1` END) - MAX(CASE WHEN `__end` = 2 THEN `__r1` END)
          ) AS BIGNUMERIC),
          2
        ) AS BIGNUMERIC)
      END AS `spent_30d`,
      CAST(MAX(CASE WHEN `__end` = 0 THEN `__r2` END) AS INT64) AS `orders`
    FROM `__running`
    WHERE
      NOT `__end` IS NULL
    GROUP BY
      `__k0`,
      `__t`
  ) AS `__f0_0`
    ON `__s`.`customer` = `__f0_0`.`__k0`
    AND UNIX_MICROS(CAST(CAST(CAST(`__s`.`event_time` AS TIMESTAMP) AS DATETIME) AS TIMESTAMP)) = `__f0_0`.`__t`
  LEFT JOIN (
    SELECT
      `__q`.`__k0`,
      `__q`.`__t`,
      CAST(ROUND(CAST(MAX(`__e`.`__v0`) AS NUMERIC), 2) AS NUMERIC) AS `largest`
    FROM (
      SELECT
        `__k0`,
        `__t`,
        (
          DIV((
            (
              `__t`
            )
          ), CAST(2592000000000 AS INT64))
        ) AS `__bucket`
      FROM `__q0`
      UNION ALL
      SELECT
        `__k0`,
        `__t`,
        (
          (
            DIV((
              (
                `__t`
              )
            ), CAST(2592000000000 AS INT64))
          )
        ) - CAST(1 AS INT64) AS `__bucket`
      FROM `__q0`
    ) AS `__q`
    JOIN (
      SELECT
        *,
        (
          DIV((
            `__us`
          ), CAST(2592000000000 AS INT64))
        ) AS `__bucket`
      FROM (
        SELECT
          `customer` AS `__k0`,
          UNIX_MICROS(CAST(CAST(CAST(`at` AS TIMESTAMP) AS DATETIME) AS TIMESTAMP)) AS `__us`,
          `amount` AS `__v0`
        FROM `mlspec_data`.`orders__040730c0`
        WHERE
          NOT `customer` IS NULL AND NOT `at` IS NULL
      ) AS `__rows`
    ) AS `__e`
      ON `__q`.`__k0` = `__e`.`__k0`
      AND `__q`.`__bucket` = `__e`.`__bucket`
      AND `__e`.`__us` < `__q`.`__t`
      AND `__e`.`__us` >= `__q`.`__t` - CAST(2592000000000 AS INT64)
    GROUP BY
      `__q`.`__k0`,
      `__q`.`__t`
  ) AS `__f0_1`
    ON `__s`.`customer` = `__f0_1`.`__k0`
    AND UNIX_MICROS(CAST(CAST(CAST(`__s`.`event_time` AS TIMESTAMP) AS DATETIME) AS TIMESTAMP)) = `__f0_1`.`__t`
  LEFT JOIN (
    SELECT
      `__c`.`customer`,
      `__c`.`__at` AS `__asked_at`,
      `__n`.`__event`,
      `__n`.`__known`,
      `__n`.`__v0`,
      `__n`.`__v1`
    FROM (
      SELECT
        `customer`,
        `__at`,
        `__asks`,
        SUM(`__one`) OVER (PARTITION BY `customer` ORDER BY `__at` ASC, `__side` ASC) AS `__number`
      FROM (
        SELECT
          `customer`,
          `__known` AS `__at`,
          0 AS `__side`,
          1 AS `__one`,
          FALSE AS `__asks`
        FROM (
          SELECT
            *
          FROM (
            SELECT
              `customer`,
              `city` AS `__v0`,
              `decade` AS `__v1`,
              MAX(`changed`) OVER (PARTITION BY `customer` ORDER BY (
                (
                  `seen`
                ) IS NULL
              ) ASC, `seen` ASC) AS `__newest`,
              `changed` AS `__event`,
              `seen` AS `__known`
            FROM `mlspec_data`.`person__32d7d0cc`
            WHERE
              NOT `customer` IS NULL AND NOT `changed` IS NULL AND NOT `seen` IS NULL
          ) AS `__known_rows`
          WHERE
            `__event` = `__newest`
        ) AS `__rows`
        UNION ALL
        SELECT
          `customer`,
          `event_time`,
          1,
          0,
          TRUE
        FROM (
          SELECT DISTINCT
            `customer`,
            `event_time`
          FROM `__spine`
          WHERE
            NOT `customer` IS NULL AND NOT `event_time` IS NULL
        ) AS `__questions`
      ) AS `__stream`
    ) AS `__c`
    JOIN (
      SELECT
        *,
        ROW_NUMBER() OVER (PARTITION BY `customer` ORDER BY `__known` ASC) AS `__number`
      FROM (
        SELECT
          *
        FROM (
          SELECT
            `customer`,
            `city` AS `__v0`,
            `decade` AS `__v1`,
            MAX(`changed`) OVER (PARTITION BY `customer` ORDER BY (
              (
                `seen`
              ) IS NULL
            ) ASC, `seen` ASC) AS `__newest`,
            `changed` AS `__event`,
            `seen` AS `__known`
          FROM `mlspec_data`.`person__32d7d0cc`
          WHERE
            NOT `customer` IS NULL AND NOT `changed` IS NULL AND NOT `seen` IS NULL
        ) AS `__known_rows`
        WHERE
          `__event` = `__newest`
      ) AS `__rows`
    ) AS `__n`
      ON `__c`.`customer` = `__n`.`customer` AND `__c`.`__number` = `__n`.`__number`
    WHERE
      `__c`.`__asks`
  ) AS `__f1`
    ON `__s`.`customer` = `__f1`.`customer` AND `__s`.`event_time` = `__f1`.`__asked_at`
) AS `made`;
