"""Rows with awkward values, and expressions over them: each means the same on every engine, or is refused by name."""

TYPES = {
    "n": "INTEGER", "i": "INTEGER", "j": "BIGINT", "x": "DOUBLE", "r": "REAL", "d": "DECIMAL(10, 2)", "s": "VARCHAR",
    "b": "BOOLEAN", "dt": "DATE", "ts": "TIMESTAMP", "tz": "TIMESTAMPTZ",
}  # fmt: skip

ROWS = [
    (1, 10, 1.5, 0.1, "1.25", "abc Def", True, "2024-02-29", "2024-02-29 13:45:10.123456", "2024-03-10 06:30:00.5Z"),
    (-7, 2, -2.5, 2.5, "-10.10", "  é1-2x ", False, "2023-12-31", "2023-12-31 23:59:59.999999", "2023-11-05 05:30:00Z"),
    (7, -2, 2.5, -0.5, "0.05", "", None, "1969-12-31", "1969-12-31 23:59:59.5", "1969-12-31 23:59:59.5Z"),
    (0, 3, 0.5, 0.0, "2.50", "NULL", True, "2024-01-01", "2024-01-01 00:00:00", "2024-01-01 00:00:00Z"),
    (None,) * 10,
    (100, 100, 1e6, 1e10, "99999.99", "a,b;c|d", False, "1900-02-28", "1900-02-28 12:00:00", "1900-02-28 12:00:00Z"),
    (2147483647, 5, 1e-7, 3.25, "1.00", "12", True, "2024-12-30", "2024-12-30 01:02:03", "2024-07-01 12:00:00Z"),
]

SCALARS = """
i / 2
x / i
i / 0
x / 0
d / 3
d / d
d / NULLIF(i, 0)
CAST(x / 3 AS INTEGER)
CAST(d AS INTEGER)
CAST(2.5 AS INTEGER)
CAST(2.5 * i AS BIGINT)
CAST(x AS BIGINT)
CAST(x AS DECIMAL(18, 1))
CAST(d AS DECIMAL(10, 1))
i // 2
i % -3
x % 2
i * 1.5
x * d
d * d
round(x)
round(x * 1.1, 2)
round(d, 1)
round(x, -2)
floor(x)
ceil(x)
sign(x)
ln(x)
log(x)
log2(x)
sqrt(x)
power(x, 2)
greatest(i, j)
least(i, NULL, 3)
r = 0.1
r < 3
x = r
d = 1.25
i IN (1, 7, NULL)
i IS DISTINCT FROM 7
b AND i > 0
NOT b
CASE WHEN i > 0 THEN d ELSE x END
coalesce(d, x)
isnan(x)
lower(s)
trim(s)
substring(s, 2, 3)
left(s, 2)
right(s, 2)
replace(s, 'b', '')
s || 'x'
concat(s, i, d)
concat(s, tz)
concat_ws('-', s, i, b)
s LIKE '%,_;%'
s ILIKE 'A%'
starts_with(s, 'a')
contains(s, 'b')
strpos(s, 'b')
split_part(s, ',', 5)
length(s)
md5(s)
'a\\b' || s
CAST(concat('0x', left(md5(concat(s, 'x')), 8)) AS BIGINT) / 4294967296.0
CAST('0x' || left(md5(concat(s, 'y')), 8) AS BIGINT) / 4294967296.0
regexp_matches(s, '^[a-z]+\\s')
regexp_matches(s, 'D.f$')
regexp_extract(s, '([a-z])([a-z]+)', 2)
regexp_extract(s, '([a-z])([a-z]+)')
regexp_replace(s, '\\d', '#', 'g')
CAST(i AS VARCHAR)
CAST(d AS VARCHAR)
CAST(b AS VARCHAR)
CAST(dt AS VARCHAR)
CAST(ts AS VARCHAR)
CAST(tz AS VARCHAR)
CAST(date_trunc('month', dt) AS VARCHAR)
CAST(ts AS DATE)
CAST(dt AS TIMESTAMP)
CAST(tz AS TIMESTAMP)
CAST(ts AS TIMESTAMPTZ)
extract(year FROM ts)
extract(second FROM ts)
extract(millisecond FROM ts)
extract(dow FROM dt)
extract(isodow FROM dt)
extract(doy FROM dt)
extract(week FROM dt)
extract(isoyear FROM dt)
extract(epoch FROM ts)
extract(epoch FROM dt)
extract(epoch FROM tz)
extract(epoch FROM ts - TIMESTAMP '2024-01-01 00:00:00') / 60
epoch(tz)
epoch_us(ts)
isodow(dt)
hour(tz)
date_part('hour', ts)
date_trunc('week', ts)
date_trunc('quarter', ts)
date_diff('day', ts, TIMESTAMP '2024-03-01 00:00:00')
date_diff('hour', ts, TIMESTAMP '2024-03-01 00:00:00')
date_diff('week', dt, DATE '2024-03-01')
date_diff('month', dt, DATE '2024-03-01')
date_diff('year', dt, DATE '2024-03-01')
dt - DATE '2024-01-01'
dt + INTERVAL 1 DAY
dt - INTERVAL 1 MONTH
ts + INTERVAL 90 MINUTE
ts + INTERVAL (i % 10) HOUR
ts + to_hours(i % 10)
tz + INTERVAL 1 DAY
ts - TIMESTAMP '2024-01-01 00:00:00' > INTERVAL 1 DAY
dt < ts
tz >= TIMESTAMPTZ '2024-01-01 00:00:00+02'
tz AT TIME ZONE 'America/New_York'
ts AT TIME ZONE 'America/New_York'
TIMESTAMP '2023-11-05 01:30:00' AT TIME ZONE 'America/New_York'
TIMESTAMP '2024-03-10 02:30:00' AT TIME ZONE 'America/New_York'
TIMESTAMP '2023-10-29 02:30:00' AT TIME ZONE 'Europe/Berlin'
extract(hour FROM tz AT TIME ZONE 'America/New_York')
strftime(ts, '%Y%m%d')
sum(j) OVER (PARTITION BY b ORDER BY n)
row_number() OVER (ORDER BY i DESC, n)
lag(i, 2, 0) OVER (ORDER BY n)
last_value(i IGNORE NULLS) OVER (ORDER BY n)
count(*) FILTER (WHERE b) OVER (ORDER BY n)
sum(j) FILTER (WHERE i > 2) OVER (PARTITION BY b)
count(*) OVER (ORDER BY ts RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND CURRENT ROW)
avg(x) OVER (ORDER BY n ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)
EXISTS (SELECT 1 FROM t AS u WHERE u.i = t.i)
(SELECT max(u.i) FROM t AS u)
""".strip().splitlines()

AGGREGATES = """
count(*)
count(DISTINCT s)
count(*) FILTER (WHERE x > 1) * 1.0 / count(*)
sum(i)
sum(b)
sum(d)
sum(x)
sum(d) / sum(i)
sum(j) FILTER (WHERE i > 100000)
avg(i)
avg(d)
avg(CASE WHEN b THEN 1.0 ELSE 0 END)
min(s)
max(ts)
max(b)
stddev(x)
stddev(x) FILTER (WHERE n = 1)
var_pop(j)
median(j)
quantile_cont(x, 0.25)
bool_and(b)
string_agg(s, ',' ORDER BY n)
string_agg(s, '; ' ORDER BY i DESC, n DESC) FILTER (WHERE n > 2)
string_agg(s, ',' ORDER BY n) FILTER (WHERE s IS NULL)
list(i ORDER BY j NULLS LAST, n NULLS LAST)
list(n ORDER BY i DESC NULLS FIRST, n DESC NULLS FIRST)
(list(i ORDER BY n DESC NULLS LAST) FILTER (WHERE i IS NOT NULL))[1:2]
(list(i ORDER BY n DESC NULLS LAST) FILTER (WHERE i IS NOT NULL))[1]
list(i ORDER BY n NULLS FIRST) FILTER (WHERE i > 2147483647)
""".strip().splitlines()

REFUSED = """
hash(s)
CAST(x AS VARCHAR)
TRY_CAST(s AS INTEGER)
regexp_replace(s, '[a-z]', 'X')
regexp_matches(s, 'a++')
left(s, -1)
substring(s, 0, 2)
s SIMILAR TO '[a-z]+'
dayname(dt)
s IN (SELECT u.s FROM t AS u)
sum(j) OVER (ORDER BY n ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW)
count(DISTINCT b) OVER ()
""".strip().splitlines()
