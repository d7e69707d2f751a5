"""Reads blocks with DuckDB. Arguments: address of an S3 server, or nothing for the file system; which files."""

import sys

import duckdb

SERVER, FILES = sys.argv[1:3]
if SERVER:
    import fsspec

    # Reads ranges of objects, as DuckDB asks for them.
    keys = {"key": "key", "secret": "secret", "client_kwargs": {"endpoint_url": SERVER, "region_name": "us-east-1"}}
    duckdb.register_filesystem(fsspec.filesystem("s3", **keys))
rows = duckdb.sql(f"""
    SELECT lower(hex(trace_id)), service, name, "attr.number"
    FROM read_parquet('{FILES}', union_by_name = true) ORDER BY 1, 3""").fetchall()
for row in rows:
    print(*row)
