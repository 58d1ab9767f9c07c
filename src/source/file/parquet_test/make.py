"""Makes the files beside it: python3 make.py (pyarrow 26.0.1, DuckDB 1.5.6).

They are small, and their rows stand in parquet_test.c as literals.
"""
import datetime
import decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe


def write(name, table, **options):
    pq.write_table(table, name, store_schema=False, write_statistics=False, **options)


words = pa.table({"n": pa.array([1, 2, 3], pa.int64()), "word": ["to", "be", None]})
for codec in ["snappy", "gzip", "zstd", "lz4", "brotli", "none"]:
    write(f"{codec}.parquet", words, compression=codec)
write("no_rows.parquet", words.slice(0, 0))

day = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)
write(
    "types.parquet",
    pa.table(
        {
            "i8": pa.array([-8, None], pa.int8()),
            "u16": pa.array([65535, 0], pa.uint16()),
            "i32": pa.array([-2147483648, 7], pa.int32()),
            "f": pa.array([0.5, -2.0], pa.float32()),
            "ok": pa.array([True, False]),
            "price": pa.array([decimal.Decimal("12.50"), decimal.Decimal("-0.07")], pa.decimal128(9, 2)),
            "day": pa.array([datetime.date(1970, 1, 3), datetime.date(1969, 12, 31)]),
            "at_ms": pa.array([day, None], pa.timestamp("ms", tz="UTC")),
            "at_ns": pa.array([1_000_000_001, 2_000_000_999], pa.timestamp("ns")),
            "raw": pa.array([b"\x00\x01", b"ab"], pa.binary()),
            "tags": pa.array([["a", None], []], pa.list_(pa.string())),
            "place": pa.array(
                [{"x": 1, "name": "here"}, None], pa.struct([("x", pa.int32()), ("name", pa.string())])
            ),
            "counts": pa.array([[("a", 1), ("b", 2)], []], pa.map_(pa.string(), pa.int64())),
            "clock": pa.array([datetime.time(1, 2, 3), None], pa.time64("us")),
        }
    ),
    compression="zstd",
    use_dictionary=False,
)

# four groups of rows
write(
    "groups.parquet",
    pa.table({"n": pa.array(range(20000), pa.int64())}),
    row_group_size=5000,
    use_dictionary=False,
    column_encoding={"n": "DELTA_BINARY_PACKED"},
    compression="none",
)


class Keys(pe.KmsClient):
    def __init__(self, config):
        super().__init__()

    def wrap_key(self, key, name):
        return key.hex()

    def unwrap_key(self, key, name):
        return bytes.fromhex(key)


factory = pe.CryptoFactory(Keys)
how = pe.EncryptionConfiguration(footer_key="k", column_keys={"k": ["n", "word"]}, plaintext_footer=False)
with pq.ParquetWriter(
    "encrypted.parquet",
    words.schema,
    encryption_properties=factory.file_encryption_properties(pe.KmsConnectionConfig(), how),
    store_schema=False,
) as out:
    out.write_table(words)

duckdb.sql(
    "COPY (SELECT range::INTEGER AS n, 'row ' || range AS s FROM range(3)) TO 'duckdb.parquet' (FORMAT parquet)"
)
