-- An as-of join a view, on event time and tie-break as a row value.
WITH asked AS (SELECT *, ROW(event_time, TIMESTAMP 'infinity') AS moment FROM spine WHERE event_time IS NOT NULL),
f0 AS (SELECT *, ROW(event_time, created) AS moment FROM view0 WHERE event_time IS NOT NULL),
f1 AS (SELECT *, ROW(event_time, created) AS moment FROM view1 WHERE event_time IS NOT NULL),
f2 AS (SELECT *, ROW(event_time, created) AS moment FROM view2 WHERE event_time IS NOT NULL)
SELECT s.id, s.k, s.event_time, f0.v AS v0, f0.x AS x0, f1.v AS v1, f1.x AS x1,
  CASE WHEN f2.event_time >= s.event_time - INTERVAL 30 DAY THEN f2.v END AS v2,
  CASE WHEN f2.event_time >= s.event_time - INTERVAL 30 DAY THEN f2.x END AS x2
FROM asked AS s
ASOF LEFT JOIN f0 ON s.k = f0.k AND s.moment >= f0.moment
ASOF LEFT JOIN f1 ON s.k = f1.k AND s.moment >= f1.moment
ASOF LEFT JOIN f2 ON s.k = f2.k AND s.moment >= f2.moment
UNION ALL
SELECT id, k, event_time, NULL, NULL, NULL, NULL, NULL, NULL FROM spine WHERE event_time IS NULL
