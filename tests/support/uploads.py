"""Uploading, as a process of its own does it until it is killed."""

import random
from multiprocessing.connection import Connection
from pathlib import Path

from plasmoscope.store import fields
from plasmoscope.store.images import content_hash
from plasmoscope.store.store import Store


def upload(store: Store, slide: int, data: bytes, name: str = "field.png") -> int:
    with store.session() as session:
        return fields.add_field(session, store.images, "amina", slide, name, data).id


def upload_until_killed(folder: Path, database: str | None, slide: int, first: int, acknowledged: Connection) -> None:
    """Send the hash of every picture once it is kept.

    Every third picture is uploaded twice, as by a client that got no answer.
    """
    store = Store(folder, database)
    for number in range(first, first + 10_000):
        data = random.Random(number).randbytes(200_000)
        for _ in range(2 if number % 3 == 0 else 1):
            upload(store, slide, data, f"{number}.png")
        acknowledged.send(content_hash(data))
