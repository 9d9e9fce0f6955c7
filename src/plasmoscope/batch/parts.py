"""Tables of a batch: a Parquet file for each part, written whole or not at all."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from plasmoscope.extras import require_extra
from plasmoscope.files import whole_file

EXTRA = "parquet"

Columns = Mapping[str, type]
"""A table's columns, in order, each ``str``, ``int``, ``float`` or ``bool``; any value may be missing."""


def write_part(file: Path, columns: Columns, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a part; the same rows give the same bytes."""
    require_extra(EXTRA, "A batch")
    import pyarrow as pa
    from pyarrow.parquet import write_table

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as unfinished:
        write_table(pa.Table.from_pylist(list(rows), schema), unfinished)
