-- Of rows with one event time the newest by a join with the greatest tie-break, then an as-of join on event time alone.
WITH f0 AS (SELECT * FROM view0 WHERE (k, event_time, created) IN (SELECT (k, event_time, max(created)) FROM view0 GROUP BY k, event_time)),
f1 AS (SELECT * FROM view1 WHERE (k, event_time, created) IN (SELECT (k, event_time, max(created)) FROM view1 GROUP BY k, event_time)),
f2 AS (SELECT * FROM view2 WHERE (k, event_time, created) IN (SELECT (k, event_time, max(created)) FROM view2 GROUP BY k, event_time))
SELECT s.id, s.k, s.event_time, f0.v AS v0, f0.x AS x0, f1.v AS v1, f1.x AS x1,
  CASE WHEN f2.event_time >= s.event_time - INTERVAL 30 DAY THEN f2.v END AS v2,
  CASE WHEN f2.event_time >= s.event_time - INTERVAL 30 DAY THEN f2.x END AS x2
FROM spine AS s
ASOF LEFT JOIN f0 ON s.k = f0.k AND s.event_time >= f0.event_time
ASOF LEFT JOIN f1 ON s.k = f1.k AND s.event_time >= f1.event_time
ASOF LEFT JOIN f2 ON s.k = f2.k AND s.event_time >= f2.event_time
