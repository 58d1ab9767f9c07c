#!/usr/bin/env python3
"""Makes the files of this folder anew: one table in every form that a static table may have.

    pip install duckdb==1.5.6 && python3 tests/tables/make.py

DuckDB writes Parquet, its own files and JSON; gzip, zstd and Python's sqlite3 the others.
"""
import gzip
import os
import sqlite3
import subprocess

import duckdb

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = [
    (1, "Ærø", "12.50", "2026-01-02 03:04:05.000006", True),
    (2, None, "-0.01", "1969-12-31 23:59:59", False),
    (3, "a,\"b\"", None, None, None),
]


def path(name):
    return os.path.join(HERE, name)


def fresh(name):
    if os.path.exists(path(name)):
        os.remove(path(name))
    return path(name)


def main():
    db = duckdb.connect()
    db.execute("CREATE TABLE planes (id BIGINT, name VARCHAR, price DECIMAL(9,2), seen TIMESTAMP, ok BOOLEAN)")
    db.executemany("INSERT INTO planes VALUES (?, ?, ?, ?, ?)", ROWS)
    db.execute(f"COPY planes TO '{fresh('planes.parquet')}' (FORMAT parquet, COMPRESSION zstd)")
    for part in (1, 2, 3):
        name = fresh(f"part-{part}.csv")
        db.execute(f"COPY (FROM planes WHERE id = {part}) TO '{name}' (HEADER, NULLSTR 'NA')")
        name = fresh(f"part-{part}.parquet")
        db.execute(f"COPY (FROM planes WHERE id = {part}) TO '{name}' (FORMAT parquet, COMPRESSION gzip)")
    db.execute(f"COPY planes TO '{fresh('planes.csv')}' (HEADER, NULLSTR 'NA')")
    db.execute(f"COPY planes TO '{fresh('planes.json')}' (FORMAT json)")
    db.execute(f"ATTACH '{fresh('planes.duckdb')}' AS out (BLOCK_SIZE 16384)")
    db.execute("CREATE TABLE out.planes AS FROM planes")
    db.execute("DETACH out")
    for name in ("planes.csv", "planes.json"):
        with open(path(name), "rb") as plain, open(fresh(name + ".gz"), "wb") as out:
            with gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed:
                packed.write(plain.read())
    subprocess.run(["zstd", "-q", path("planes.csv"), "-o", fresh("planes.csv.zst")], check=True)
    with sqlite3.connect(fresh("planes.sqlite")) as lite:
        lite.execute("CREATE TABLE planes (id BIGINT, name TEXT, price DECIMAL(9,2), seen TIMESTAMP, ok BOOLEAN)")
        lite.executemany("INSERT INTO planes VALUES (?, ?, ?, ?, ?)", ROWS)


if __name__ == "__main__":
    main()
