"""Tables of a batch: a Parquet file for each part."""

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

EXTRA = "parquet"

Columns = Mapping[str, type]
"""A table's columns, in order, each ``str``, ``int``, ``float`` or ``bool``; any value may be missing."""

_DIGITS = 6  # of probabilities: what differs beyond is the processor's rounding


def table(columns: Columns, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A Parquet file; the same rows give the same bytes. It needs what ``EXTRA`` brings."""
    import pyarrow as pa
    from pyarrow.json import ParseOptions, ReadOptions, read_json
    from pyarrow.parquet import write_table

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    # Rows from Python make Arrow load pandas where it is installed, 50 MB for nothing; rows as text do not.
    lines = "\n".join(map(json.dumps, rows)).encode()
    reading = ReadOptions(use_threads=False, block_size=len(lines) + 1)
    parsing = ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    file = io.BytesIO()
    write_table(read_json(io.BytesIO(lines), reading, parsing) if lines else pa.Table.from_batches([], schema), file)
    return file.getvalue()


def rounded(probability: float | None) -> float | None:
    """A probability as tables hold it."""
    return None if probability is None else round(probability, _DIGITS)
