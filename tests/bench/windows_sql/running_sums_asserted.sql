-- As running_sums_streaming, and each row of the stream asserts that it does not come before the last one.
WITH stream AS (
  SELECT k, epoch_us(event_time) * 2 + 1 AS moment, NULL::BIGINT AS id, NULL::TINYINT AS ending, (v IS NOT NULL)::TINYINT AS n, coalesce(v, 0) AS s
  FROM view0 WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 0) * 2, id, 0, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 3600000000) * 2, id, 1, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 86400000000) * 2, id, 2, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 604800000000) * 2, id, 3, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, (epoch_us(event_time) - 2592000000000) * 2, id, 4, 0, 0 FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
),
sorted AS (SELECT * FROM stream ORDER BY k, moment),
beside AS (
  SELECT k, moment, id, ending, lag(k) OVER () AS last_k, lag(moment) OVER () AS last_moment,
    sum(n) OVER (ROWS UNBOUNDED PRECEDING) AS n, sum(s::HUGEINT) OVER (ROWS UNBOUNDED PRECEDING) AS s
  FROM sorted
),
running AS (
  SELECT id, ending, n, s FROM beside
  WHERE CASE WHEN last_k > k OR (last_k = k AND last_moment > moment) THEN error('the stream is out of order') ELSE id END IS NOT NULL
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
