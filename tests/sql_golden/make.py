#!/usr/bin/env python3
"""Records the expected rows of cases.txt: each case's batch query, by DuckDB over all rows at once.

    pip install duckdb==1.5.6 && python3 tests/sql_golden/make.py

Writes golden.txt, which the test reads. Cells are texts; a null is \\N.
"""
import json
import os
import re

import duckdb

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = {"t": "id BIGINT, k VARCHAR, n BIGINT, x DOUBLE, d DECIMAL(9,2), s VARCHAR, ts TIMESTAMP, ok BOOLEAN",
          "ref": "k VARCHAR, label VARCHAR, weight BIGINT"}


def load(db):
    for table, columns in SCHEMA.items():
        db.execute(f"CREATE TABLE {table} ({columns})")
    names = [c.split()[0] for c in SCHEMA["t"].split(", ")]
    with open(os.path.join(HERE, "t.jsonl"), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() not in ("", "---"):
                row = json.loads(line, parse_float=str)
                db.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", [row[n] for n in names])
    db.execute(f"INSERT INTO ref FROM read_csv('{HERE}/ref.csv', header=false, nullstr='', "
               "columns={'k': 'VARCHAR', 'label': 'VARCHAR', 'weight': 'BIGINT'})")
    db.execute("CREATE VIEW heavy AS WITH w AS (SELECT coalesce(weight, 0) AS weight, label FROM ref) SELECT weight, count(*) "
               "AS n, max(label) AS label FROM w GROUP BY weight UNION ALL SELECT 1, 7, 'one' FROM ref LIMIT 4")


def cases():
    with open(os.path.join(HERE, "cases.txt"), encoding="utf-8") as text:
        for block in re.split(r"\n\s*\n", text.read()):
            fields = dict(line.split(" ", 1) for line in block.strip().splitlines() if line[0] != "#")
            if fields:
                yield fields


def main():
    db = duckdb.connect(config={"threads": 1})
    db.execute("SET TimeZone = 'UTC'")
    load(db)
    with open(os.path.join(HERE, "golden.txt"), "w", encoding="utf-8") as out:
        out.write(f"# DuckDB {duckdb.__version__}, over all rows at once. Made by make.py of cases.txt, t.jsonl, ref.csv.\n")
        for case in cases():
            batch = case.get("batch", case["query"].replace("EPOCH(TABLE t)", "t"))
            result = db.execute(f"SELECT COLUMNS(*)::VARCHAR FROM ({batch})")
            rows = ["\t".join("\\N" if cell is None else cell for cell in row) for row in result.fetchall()]
            out.write(f"\ncase {case['case']}\ncolumns {len(result.description)}\n")
            types = ", ".join(row[1] for row in db.execute(f"DESCRIBE {batch}").fetchall())
            out.write(f"keys {case.get('keys', '0')}\ntypes {types}\nquery {case['query']}\n")
            out.writelines(f"|{row}\n" for row in sorted(rows))


if __name__ == "__main__":
    main()
