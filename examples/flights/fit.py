"""The online model of arrival.c against scikit-learn's batch fit: fit.py RAW OUT ERRORS

RAW has the package's files, OUT what arrival.c wrote; ERRORS gets a line a week, for plot.py. Both models
have the same 20 features, written down here a second time. Judged are the flights of July to December:
the batch model has learnt from January to June, the online one from all days before the flight's. A
second batch fit has learnt from all the year, the judged flights too: the best that one line can do for
a year. Exit code 1 when the online model is more than 5 % behind the first one, or when a prediction is
missing.
"""
import csv
import sys

import duckdb
import numpy
from sklearn.linear_model import LinearRegression

MAY_BE_BEHIND = 1.05
JUDGED_FROM = "2013-07-01"
FIRST_DAY_ENDS = "2013-01-02 09:00:00"  # nothing is predicted before

CARRIERS = "B6", "DL", "EV", "MQ", "AA", "US", "9E", "WN", "VX"
FEATURES = [
    "dep_delay", "distance", "coalesce(wind_speed, 10)", "coalesce(temp, 55)",
    "if(precip > 0, 1, 0)", "1 - coalesce(visib, 10) / 10",
    "cos((f.hour - 15) * pi() / 12)", "sin((f.hour - 15) * pi() / 12)",
    "if(f.origin = 'JFK', 1, 0)", "if(f.origin = 'LGA', 1, 0)",
] + [f"if(f.carrier = '{carrier}', 1, 0)" for carrier in CARRIERS]  # and the intercept: 20

FLIGHTS = """
CREATE TABLE predictions AS SELECT * FROM read_csv('{out}/predictions/*.csv', header = false, columns = {{
    'sched_dep': 'TIMESTAMP', 'carrier': 'VARCHAR', 'flight': 'BIGINT', 'origin': 'VARCHAR', 'arr_delay': 'BIGINT',
    'predicted': 'DOUBLE', 'error': 'DOUBLE'}});
CREATE TABLE weeks AS SELECT * FROM read_csv('{out}/weeks/*.csv', header = false, columns = {{
    'week': 'TIMESTAMP', 'week_end': 'TIMESTAMP', 'flights': 'BIGINT', 'squared': 'DOUBLE', 'absolute': 'DOUBLE'}});
CREATE TABLE arrived AS
SELECT f.time_hour + INTERVAL 1 MINUTE * minute AS sched_dep, f.arr_delay, p.predicted, p.arr_delay AS told,
       f.time_hour + INTERVAL 1 MINUTE * (minute + dep_delay) AS left_at, {features}
FROM read_csv('{raw}/flights.csv', nullstr = 'NA', types = {{'time_hour': 'TIMESTAMP'}}) f
LEFT JOIN read_csv('{raw}/weather.csv', nullstr = 'NA', types = {{'time_hour': 'TIMESTAMP'}}) w
    ON f.origin = w.origin AND f.time_hour = w.time_hour
LEFT JOIN predictions p ON p.sched_dep = f.time_hour + INTERVAL 1 MINUTE * minute AND p.carrier = f.carrier
    AND p.flight = f.flight AND p.origin = f.origin
WHERE f.arr_delay IS NOT NULL
ORDER BY ALL;
"""


def check_predictions(db):
    """Each flight that arrived after the first day was predicted once, and its delay is the right one."""
    def count(what):
        return db.execute(f"SELECT count(*) FROM {what}").fetchone()[0]
    n, predicted = count("predictions"), count(f"arrived WHERE left_at >= '{FIRST_DAY_ENDS}'")
    wrong = count(f"arrived WHERE (predicted IS NULL) <> (left_at < '{FIRST_DAY_ENDS}') OR told <> arr_delay")
    print(f"{n} predictions of {predicted} flights, {wrong} wrong or missing")
    return n == predicted and wrong == 0


def check_weeks(db):
    """The windows of the job have the sums of its predictions, but for the order of adding."""
    differ = db.execute("""
        SELECT count(*) FROM weeks w FULL JOIN (
            SELECT time_bucket(INTERVAL 7 DAYS, sched_dep, TIMESTAMP '1970-01-01') AS week, count(*) AS n,
                   fsum((arr_delay - predicted) ** 2) AS squared, fsum(abs(arr_delay - predicted)) AS absolute
            FROM predictions GROUP BY 1) p ON w.week = p.week
        WHERE NOT coalesce(w.flights = p.n AND abs(w.squared / p.squared - 1) < 1e-9
                           AND abs(w.absolute / p.absolute - 1) < 1e-9, false)""").fetchone()[0]
    n = db.execute("SELECT count(*) FROM weeks").fetchone()[0]
    print(f"{n} weeks of errors, {differ} other than their predictions")
    return n > 0 and differ == 0


def errors(wanted, predicted):
    off = wanted - predicted
    return numpy.sqrt(numpy.mean(off ** 2)), numpy.mean(numpy.abs(off))


def write_weeks(path, time, wanted, models):
    weeks = (time - numpy.datetime64("1970-01-01")) // numpy.timedelta64(7, "D")
    with open(path, "w", newline="") as out:
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(["week"] + list(models))
        for week in numpy.unique(weeks):
            rows = (weeks == week) & ~numpy.isnan(models["online"])
            day = numpy.datetime64("1970-01-01") + week * numpy.timedelta64(7, "D")
            lines.writerow([str(day)[:10]] + [f"{errors(wanted[rows], p[rows])[0]:.4f}" for p in models.values()])


def main(raw, out, errors_path):
    db = duckdb.connect()
    features = ", ".join(f"CAST({text} AS DOUBLE) AS x{i}" for i, text in enumerate(FEATURES))
    db.execute(FLIGHTS.format(raw=raw, out=out, features=features))
    good = check_predictions(db) & check_weeks(db)
    if not good:
        sys.exit(1)
    columns = db.execute("SELECT * FROM arrived").fetchnumpy()
    time, wanted = columns["sched_dep"], columns["arr_delay"].astype(float)
    x = numpy.column_stack([columns[f"x{i}"] for i in range(len(FEATURES))])
    judged = time >= numpy.datetime64(JUDGED_FROM)
    models = {
        "online": numpy.ma.filled(columns["predicted"].astype(float), numpy.nan),
        "first half": LinearRegression().fit(x[~judged], wanted[~judged]).predict(x),
        "all": LinearRegression().fit(x, wanted).predict(x),
        "mean": numpy.full(len(wanted), wanted[~judged].mean()),
    }
    write_weeks(errors_path, time, wanted, models)

    told = {name: errors(wanted[judged], predicted[judged]) for name, predicted in models.items()}
    limit = told["first half"]
    names = {"online": "online, day by day", "first half": "batch, January to June", "all": "batch, all the year",
             "mean": "always the mean of January to June"}
    print(f"{judged.sum()} flights from July on; minutes        RMSE      MAE   of the batch fit's")
    for name, (rmse, mae) in told.items():
        print(f"  {names[name]:40} {rmse:8.3f} {mae:8.3f}   {rmse / limit[0]:.3f}  {mae / limit[1]:.3f}")
    behind = [what for what, mine, batch in zip(("RMSE", "MAE"), told["online"], limit) if mine > MAY_BE_BEHIND * batch]
    if behind:
        sys.exit(f"the online model's {' and '.join(behind)} is more than 5 % behind the batch fit's")


if __name__ == "__main__":
    main(*sys.argv[1:])
