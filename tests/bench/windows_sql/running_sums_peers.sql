-- The same stream; sums by windows over each key, in the frame that SQL takes when none is named.
WITH stream AS (
  SELECT k, epoch_us(event_time) * 2 + 1 AS moment, NULL::BIGINT AS id, NULL::TINYINT AS ending, (v IS NOT NULL)::TINYINT AS n, coalesce(v, 0) AS s
  FROM view0 WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 0) * 2, id, 0, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 3600000000) * 2, id, 1, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 86400000000) * 2, id, 2, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 604800000000) * 2, id, 3, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 2592000000000) * 2, id, 4, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
),
running AS (
  SELECT id, ending, sum(n) OVER keys AS n, sum(s::HUGEINT) OVER keys AS s FROM stream WINDOW keys AS (PARTITION BY k ORDER BY moment)
),
ends AS (
  SELECT id,
    max(n) FILTER (ending = 0) AS n0, max(s) FILTER (ending = 0) AS s0,
    max(n) FILTER (ending = 1) AS n1, max(s) FILTER (ending = 1) AS s1,
    max(n) FILTER (ending = 2) AS n2, max(s) FILTER (ending = 2) AS s2,
    max(n) FILTER (ending = 3) AS n3, max(s) FILTER (ending = 3) AS s3,
    max(n) FILTER (ending = 4) AS n4, max(s) FILTER (ending = 4) AS s4
  FROM running WHERE id IS NOT NULL GROUP BY id
)
SELECT s.id, s.k, s.event_time,
  coalesce(n0 - n1, 0)::BIGINT AS count_1h, CASE WHEN n0 > n1 THEN s0 - s1 END::BIGINT AS sum_1h,
    (s0 - s1)::DOUBLE / nullif(n0 - n1, 0) AS avg_1h,
  coalesce(n0 - n2, 0)::BIGINT AS count_1d, CASE WHEN n0 > n2 THEN s0 - s2 END::BIGINT AS sum_1d,
    (s0 - s2)::DOUBLE / nullif(n0 - n2, 0) AS avg_1d,
  coalesce(n0 - n3, 0)::BIGINT AS count_7d, CASE WHEN n0 > n3 THEN s0 - s3 END::BIGINT AS sum_7d,
    (s0 - s3)::DOUBLE / nullif(n0 - n3, 0) AS avg_7d,
  coalesce(n0 - n4, 0)::BIGINT AS count_30d, CASE WHEN n0 > n4 THEN s0 - s4 END::BIGINT AS sum_30d,
    (s0 - s4)::DOUBLE / nullif(n0 - n4, 0) AS avg_30d
FROM spine AS s LEFT JOIN ends USING (id)
