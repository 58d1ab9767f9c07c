#!/usr/bin/env python3
"""Makes the golden cases ref-*.txt: tests/ml/reference.py [DIR], by default tests/golden/sluice.

What other programs compute for the same rows: scikit-learn's StandardScaler, scipy's ttest_ind and Student's distribution,
and FTRL-Proximal written down once more, from the paper, over features by name in place of hashed ones (bits=22: no two of
these features share a slot). Needs numpy, scipy and scikit-learn, whose versions stand in the cases; equal versions give equal files.
"""
import json
import math
import pathlib
import random
import sys

import numpy
import scipy.stats
import sklearn
from sklearn.preprocessing import StandardScaler


def number(value):
    """A double as the JVM writes it."""
    value = float(value)
    digits, _, exponent = repr(value).partition("e")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return digits
    sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
    whole, _, part = digits.partition(".")
    plain = (whole + part).lstrip("0")
    power = int(exponent or 0) + len(whole) - 1 - (len(whole + part) - len(plain))
    return f"{sign}{plain[0]}.{plain[1:].rstrip('0') or '0'}E{power}"


def line(row):
    cells = (f'"{k}":' + (number(v) if isinstance(v, float) else json.dumps(v)) for k, v in row.items())
    return "| {" + ",".join(cells) + "}"


def case(name, by, job, epochs):
    lines = [f"# Made by tests/ml/reference.py with {by}.", f"name: {name}", "compare: approx", "", "job"]
    lines += ["| " + step for step in job]
    for rows, expected in epochs:
        lines += ["", "push"] + [line(r) for r in rows] + ["epoch"]
        lines += ["rows"] + [line(r) for r in expected] if expected else ["rows []"]
    return "\n".join(lines) + "\n"


def scaled():
    rng, scaler, epochs = random.Random(1), StandardScaler(), []
    for n in (5, 1, 8, 3):
        rows = [{"x": rng.gauss(1000, 3), "y": rng.uniform(-1, 1), "z": 7.0} for _ in range(n)]
        table = numpy.array([[r["x"], r["y"], r["z"]] for r in rows])
        scaler.partial_fit(table)
        out = scaler.transform(table)
        epochs.append((rows, [{"sx": float(a), "sy": float(b), "sz": float(c)} for a, b, c in out]))
    job = ["in = queue x float64, y float64, z float64", "model standardize variance=population", "train x, y, z",
           "predict x, y, z as sx, sy, sz", "select sx, sy, sz", "collect"]
    return case("ref-standardize", f"scikit-learn {sklearn.__version__}", job, epochs)


def tested(method, window):
    rng, seen, epochs = random.Random(2), [], []
    for n in (8, 3, 6, 5, 9):
        rows = [{"g": rng.random() < 0.5, "v": rng.gauss(10, 2)} for _ in range(n)]
        for _ in range(2): # each group has some
            rows += [{"g": True, "v": rng.gauss(11, 1)}, {"g": False, "v": rng.gauss(10, 3)}]
        seen.append(rows)
        held = [r for batch in (seen[-window:] if window else seen) for r in batch]
        a, b = ([r["v"] for r in held if r["g"] is g] for g in (False, True))
        result = scipy.stats.ttest_ind(a, b, equal_var=method == "student")
        epochs.append((rows, [{"p_value": float(result.pvalue), "degrees": float(result.df), "statistic": float(result.statistic)}]))
    job = ["in = queue g bool, v float64", f"test g by v with method={method} window={window}",
           "select p_value, degrees, statistic", "collect"]
    return case(f"ref-{method}-{window}", f"scipy {scipy.__version__}", job, epochs)


class Ftrl:
    """Algorithm 1 of McMahan et al. 2013, by the names of features."""

    def __init__(self, alpha, beta, l1, l2):
        self.alpha, self.beta, self.l1, self.l2 = alpha, beta, l1, l2
        self.z, self.n = {}, {}

    def weight(self, f):
        z, n = self.z.get(f, 0.0), self.n.get(f, 0.0)
        if abs(z) <= self.l1:
            return 0.0
        return -(z - math.copysign(self.l1, z)) / ((self.beta + math.sqrt(n)) / self.alpha + self.l2)

    def predict(self, features):
        return 1 / (1 + math.exp(-sum(self.weight(f) * x for f, x in features.items())))

    def learn(self, features, y):
        p = self.predict(features)
        for f, x in features.items():
            w, n, g = self.weight(f), self.n.get(f, 0.0), (p - y) * x
            sigma = (math.sqrt(n + g * g) - math.sqrt(n)) / self.alpha
            self.z[f] = self.z.get(f, 0.0) + g - sigma * w
            self.n[f] = n + g * g


def ftrl():
    rng, model, epochs = random.Random(3), Ftrl(0.3, 1.0, 0.05, 0.5), []
    for _ in range(4):
        rows = []
        for _ in range(12):
            site, price, tags = rng.choice("abcd"), rng.uniform(-1, 1), rng.sample(["red", "new", "big"], rng.randrange(3))
            chance = 1 / (1 + math.exp(-({"a": 2, "b": -2, "c": 0, "d": 1}[site] + price + len(tags) - 1)))
            rows.append({"y": float(rng.random() < chance), "site": site, "price": price, "hot": rng.random() < 0.3, "tags": tags})
        out = []
        for r in rows:
            features = {"": 1.0, "site=" + r["site"]: 1.0, "price": r["price"], f"hot={r['hot']}": 1.0}
            features.update({"tag=" + t: 1.0 for t in r["tags"]})
            r["features"] = features
            out.append({"p": model.predict(features)})
        for r in rows:
            model.learn(r.pop("features"), r["y"])
        epochs.append((rows, out))
    job = ["in = queue y float64, site string, price float64, hot bool, tags list<string>",
           "model ftrl bits=22 alpha=0.3 beta=1 l1=0.05 l2=0.5", "out = predict site, price, hot, tags as p",
           "from in", "train site, price, hot, tags by y", "from out", "select p", "collect"]
    return case("ref-ftrl", "Python", job, epochs)


def main():
    here = pathlib.Path(__file__).parent
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent / "golden" / "sluice"
    cases = {"ref-standardize": scaled(), "ref-ftrl": ftrl()}
    for method, window in (("welch", 0), ("welch", 2), ("student", 0), ("student", 3)):
        cases[f"ref-{method}-{window}"] = tested(method, window)
    for name, text in cases.items():
        (out / f"{name}.txt").write_text(text, encoding="utf-8")
    # A table for src/ml/student_test.c.
    for t, d in ((0.0, 3.0), (0.5, 1.0), (1.0, 2.5), (2.0, 5.971), (-3.5, 10.0), (12.0, 4.0), (0.01, 1000.0), (40.0, 3.0), (2.5, 1e6)):
        print(f"    {{{t!r}, {d!r}, {float(2 * scipy.stats.t.sf(abs(t), d))!r}}},")


if __name__ == "__main__":
    main()
