-- Spine and views in one stream, sorted once by key and time; each view's last row so far runs along it.
WITH stream AS (
  SELECT k, epoch_us(event_time) AS us, epoch_us(created) AS tie, 0 AS view, NULL::BIGINT AS id, v, x FROM view0
  WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, epoch_us(event_time), epoch_us(created), 1, NULL, v, x FROM view1 WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, epoch_us(event_time), epoch_us(created), 2, NULL, v, x FROM view2 WHERE k IS NOT NULL AND event_time IS NOT NULL
  UNION ALL SELECT k, epoch_us(event_time), 9223372036854775807, 3, id, NULL, NULL FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL
),
sorted AS (SELECT * FROM stream ORDER BY k, us, tie),
running AS (
  SELECT id, k, us,
    last_value(CASE WHEN view = 0 THEN {'k': k, 'us': us, 'v': v, 'x': x} END IGNORE NULLS) OVER (ROWS UNBOUNDED PRECEDING) AS f0,
    last_value(CASE WHEN view = 1 THEN {'k': k, 'us': us, 'v': v, 'x': x} END IGNORE NULLS) OVER (ROWS UNBOUNDED PRECEDING) AS f1,
    last_value(CASE WHEN view = 2 THEN {'k': k, 'us': us, 'v': v, 'x': x} END IGNORE NULLS) OVER (ROWS UNBOUNDED PRECEDING) AS f2
  FROM sorted
),
found AS (
  SELECT id,
    CASE WHEN f0.k = k THEN f0.v END AS v0, CASE WHEN f0.k = k THEN f0.x END AS x0,
    CASE WHEN f1.k = k THEN f1.v END AS v1, CASE WHEN f1.k = k THEN f1.x END AS x1,
    CASE WHEN f2.k = k AND f2.us >= us - 2592000000000 THEN f2.v END AS v2,
    CASE WHEN f2.k = k AND f2.us >= us - 2592000000000 THEN f2.x END AS x2
  FROM running WHERE id IS NOT NULL
)
SELECT s.id, s.k, s.event_time, v0, x0, v1, x1, v2, x2 FROM spine AS s LEFT JOIN found USING (id)
