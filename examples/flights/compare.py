"""Every row of delays.sql's results against DuckDB's own answer: compare.py RAW OUT

RAW has the package's files as they came, so that the replay (prepare.py) is looked at too; OUT is what
the job wrote. Exit code 1, with rows of both sides, when a row is there too often, wrong or missing.
"""
import sys

import duckdb

RAW_TABLES = """
CREATE TABLE flights AS
SELECT *, time_hour + INTERVAL 1 MINUTE * minute AS sched_dep
FROM read_csv('{raw}/flights.csv', nullstr = 'NA', types = {{'time_hour': 'TIMESTAMP'}});
CREATE TABLE weather AS
SELECT * FROM read_csv('{raw}/weather.csv', nullstr = 'NA', types = {{'time_hour': 'TIMESTAMP'}});
CREATE TABLE planes AS SELECT * FROM read_csv('{raw}/planes.csv', nullstr = 'NA');
"""

# A result: its columns, and the whole table's answer, written as one would without a stream.
RESULTS = {
    "by_hour": ("hour TIMESTAMP, origin VARCHAR, flights BIGINT, cancelled BIGINT, dep_delay BIGINT, worst BIGINT, "
                "temp DOUBLE, wind_speed DOUBLE, precip DOUBLE, visib DOUBLE", """
        SELECT f.time_hour, f.origin, count(*), count(*) FILTER (WHERE dep_time IS NULL), sum(dep_delay), max(dep_delay),
               any_value(temp), any_value(wind_speed), any_value(precip), any_value(visib)
        FROM flights f LEFT JOIN weather w ON f.origin = w.origin AND f.time_hour = w.time_hour
        GROUP BY ALL"""),
    "last_hours": ("window_start TIMESTAMP, window_end TIMESTAMP, origin VARCHAR, flights BIGINT, late BIGINT, "
                   "mean_delay DOUBLE", """
        SELECT start, start + INTERVAL 3 HOURS, origin, count(*), count(*) FILTER (WHERE dep_delay > 15), avg(dep_delay)
        FROM range(TIMESTAMP '2012-12-31', TIMESTAMP '2014-01-02', INTERVAL 30 MINUTES) windows(start)
        JOIN flights ON sched_dep >= start AND sched_dep < start + INTERVAL 3 HOURS
        GROUP BY start, origin"""),
    "by_maker": ("day TIMESTAMP, manufacturer VARCHAR, engine VARCHAR, age VARCHAR, flights BIGINT, arr_delay BIGINT", """
        SELECT date_trunc('day', sched_dep), manufacturer, engine,
               CASE WHEN p.year >= 2000 THEN 'new' WHEN p.year < 2000 THEN 'old' ELSE 'unknown' END AS age, count(*), sum(arr_delay)
        FROM flights JOIN planes p USING (tailnum) WHERE arr_delay IS NOT NULL
        GROUP BY ALL"""),
    "by_weather": ("week TIMESTAMP, weather VARCHAR, flights BIGINT, cancelled BIGINT, dep_delay BIGINT", """
        SELECT time_bucket(INTERVAL 7 DAYS, sched_dep, TIMESTAMP '1970-01-01'),
               CASE WHEN w.origin IS NULL THEN 'unknown' WHEN visib < 3 THEN 'poor sight' WHEN precip > 0 THEN 'rain'
                    WHEN wind_speed >= 20 THEN 'wind' ELSE 'fair' END AS kind,
               count(*), count(*) FILTER (WHERE dep_time IS NULL), sum(dep_delay)
        FROM flights f LEFT JOIN weather w ON f.origin = w.origin AND f.time_hour = w.time_hour
        GROUP BY ALL"""),
}


def compare(db, out, name, columns, answer):
    db.execute(f"CREATE TABLE got ({columns}); CREATE TABLE wanted ({columns})")
    db.execute(f"INSERT INTO wanted {answer}")
    # Outputs are files of whole groups, without a header; an empty cell is a null.
    db.execute(f"COPY got FROM '{out}/{name}/*.csv' (HEADER false, NULLSTR '', NULL_PADDING false)")
    rows, = db.execute("SELECT count(*) FROM got").fetchone()
    wrong = db.execute("SELECT * FROM got EXCEPT ALL SELECT * FROM wanted").fetchall()
    missing = db.execute("SELECT * FROM wanted EXCEPT ALL SELECT * FROM got").fetchall()
    db.execute("DROP TABLE got; DROP TABLE wanted")
    for sign, some in ("only Sluice has", wrong), ("only DuckDB has", missing):
        for row in some[:5]:
            print(f"{name}: {sign} {row}", file=sys.stderr)
    print(f"{name:12} {rows:6} rows, {len(wrong)} wrong, {len(missing)} missing")
    return rows > 0 and not wrong and not missing


def main(raw, out):
    db = duckdb.connect()
    db.execute(RAW_TABLES.format(raw=raw))
    good = [compare(db, out, name, *result) for name, result in RESULTS.items()]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
