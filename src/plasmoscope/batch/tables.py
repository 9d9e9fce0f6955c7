"""Tables of a batch: a Parquet file for each part."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from plasmoscope.extras import require_extra

EXTRA = "parquet"

Columns = Mapping[str, type]
"""A table's columns, in order, each ``str``, ``int``, ``float`` or ``bool``; any value may be missing."""

_DIGITS = 6  # of probabilities: what differs beyond is the processor's rounding


def table(columns: Columns, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A Parquet file; the same rows give the same bytes."""
    require_extra(EXTRA, "A batch")
    import pyarrow as pa
    from pyarrow.parquet import write_table

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    file = io.BytesIO()
    write_table(pa.Table.from_pylist(list(rows), schema), file)
    return file.getvalue()


def rounded(probability: float | None) -> float | None:
    """A probability as tables hold it."""
    return None if probability is None else round(probability, _DIGITS)
