"""The two pictures of docs/FLIGHTS.md, as SVG: plot.py ERRORS BY_HOUR_DIR INTO

ERRORS is what fit.py wrote, BY_HOUR_DIR the job's hours. The standard library alone, numbers rounded to
a tenth of a pixel and no date: the same results give the same bytes.
"""
import csv
import datetime
import glob
import os
import sys

WIDTH, HEIGHT = 860, 380
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 62, 46
INK, GREY, GRID = "#333333", "#777777", "#e4e4e4"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # told apart by eyes that see no red or green


class Chart:
    """Axes with x from `x0` to `x1` and y from `y0` to `y1`, and lines in them."""

    def __init__(self, title, x0, x1, y0, y1):
        self.x0, self.x1, self.y0, self.y1 = x0, x1, y0, y1
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            'font-family="Helvetica, Arial, sans-serif" font-size="13">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        ]
        self.text(LEFT, 24, title, size=16, weight="bold")

    def x(self, value):
        return LEFT + (value - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return HEIGHT - BOTTOM - (value - self.y0) / (self.y1 - self.y0) * (HEIGHT - TOP - BOTTOM)

    def text(self, x, y, text, anchor="start", colour=INK, size=13, weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
                          f'font-weight="{weight}">{text}</text>')

    def segment(self, x0, y0, x1, y1, colour, dashes=""):
        self.parts.append(f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{colour}" '
                          f'stroke-dasharray="{dashes}"/>')

    def axes(self, x_ticks, y_ticks, x_name):
        for value, name in y_ticks:
            self.segment(LEFT, self.y(value), WIDTH - RIGHT, self.y(value), GRID)
            self.text(LEFT - 8, self.y(value) + 4.5, name, "end", GREY)
        for value, name in x_ticks:
            self.segment(self.x(value), HEIGHT - BOTTOM, self.x(value), HEIGHT - BOTTOM + 5, GREY)
            self.text(self.x(value), HEIGHT - BOTTOM + 20, name, "middle", GREY)
        self.segment(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, GREY)
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_name, "middle", GREY)

    def line(self, points, colour, width=2.0, dashes=""):
        path = "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)
        self.parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{width}" '
                          f'stroke-linejoin="round" stroke-dasharray="{dashes}"/>')

    def legend(self, entries):
        x = LEFT
        for name, colour, dashes in entries:
            self.segment(x, 43, x + 26, 43, colour, dashes)
            self.parts[-1] = self.parts[-1].replace("/>", ' stroke-width="2.5"/>')
            self.text(x + 32, 47.5, name)
            x += 50 + 7.2 * len(name)

    def write(self, path):
        with open(path, "w") as out:
            out.write("\n".join(self.parts + ["</svg>", ""]))


def day_of_year(text):
    return (datetime.date.fromisoformat(text) - datetime.date(2013, 1, 1)).days


def plot_errors(path, into):
    with open(path, newline="") as lines:
        weeks = list(csv.DictReader(lines))[1:]  # the first one has a model that knows nothing yet
    middle = [day_of_year(week["week"]) + 3.5 for week in weeks]
    chart = Chart("Error of the predicted arrival delay, by week (RMSE, minutes)", 0, 365, 12, 28)
    months = [(datetime.date(2013, month, 1), name) for month, name in
              enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)]
    chart.axes([(day_of_year(str(day)) + 15, name) for day, name in months],
               [(minutes, str(minutes)) for minutes in range(12, 29, 4)], "2013")
    july = chart.x(day_of_year("2013-07-01"))
    chart.segment(july, TOP - 4, july, HEIGHT - BOTTOM, GREY, "2 4")
    chart.text(july + 6, TOP + 8, "judged from July on; dashed: what it has learnt from", colour=GREY)
    half = sum(week["week"] < "2013-07-01" for week in weeks)
    batch = [(x, float(week["first half"])) for x, week in zip(middle, weeks)]
    chart.line(batch[:half], ORANGE, 1.5, "4 3")
    chart.line(batch[half - 1:], ORANGE)
    chart.line([(x, float(week["online"])) for x, week in zip(middle, weeks)], BLUE, 2.5)
    chart.legend([("online: a day is predicted, then learnt from", BLUE, ""),
                  ("batch: scikit-learn on January to June", ORANGE, "")])
    chart.write(os.path.join(into, "flights-errors.svg"))


def new_york_hour(utc):
    """Of an hour of 2013: summer time began and ended at 07:00 and 06:00 UTC."""
    summer = "2013-03-10T07" <= utc < "2013-11-03T06"
    return (int(utc[11:13]) - (4 if summer else 5)) % 24


def plot_hours(by_hour, into):
    left, delay = {}, {}
    for path in sorted(glob.glob(os.path.join(by_hour, "*.csv"))):
        with open(path, newline="") as lines:
            for utc, origin, flights, cancelled, minutes, *_ in csv.reader(lines):
                key = origin, new_york_hour(utc)
                left[key] = left.get(key, 0) + int(flights) - int(cancelled)
                delay[key] = delay.get(key, 0) + int(minutes or 0)
    chart = Chart("Mean departure delay by scheduled hour (minutes)", 4.8, 22.4, -2, 34)
    chart.axes([(hour, f"{hour}:00") for hour in range(5, 23)], [(m, str(m)) for m in range(0, 31, 10)],
               "local time in New York")
    colours = {"EWR": BLUE, "JFK": ORANGE, "LGA": GREEN}
    for origin, colour in colours.items():
        hours = [hour for hour in range(5, 23) if left.get((origin, hour), 0) >= 100]
        chart.line([(hour, delay[origin, hour] / left[origin, hour]) for hour in hours], colour)
    chart.legend([(name, colour, "") for name, colour in
                  zip(("Newark (EWR)", "Kennedy (JFK)", "LaGuardia (LGA)"), colours.values())])
    chart.write(os.path.join(into, "flights-hours.svg"))


if __name__ == "__main__":
    plot_errors(sys.argv[1], sys.argv[3])
    plot_hours(sys.argv[2], sys.argv[3])
