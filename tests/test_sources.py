import zipfile
from pathlib import Path

import pytest

from plasmoscope.imaging import reading
from plasmoscope.imaging.reading import ImageError
from plasmoscope.imaging.sources import SourceError, find_images


def test_paths_keep_their_order_and_folders_are_sorted(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.png", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [Path(source.name) for source in find_images([tmp_path / "b", tmp_path / "a.png"])]
    assert found == [tmp_path / "b" / "1.png", tmp_path / "b" / "2.png", tmp_path / "a.png"]


def test_what_operating_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    for name in ("Thumbs.db", ".DS_Store", "cell.png"):
        (tmp_path / name).write_bytes(b"x")
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        for name in ("__MACOSX/._cell.png", "cell_images/Thumbs.db", "cell_images/cell.png"):
            archive.writestr(name, b"y")
    assert [source.name for source in find_images([tmp_path / "cells.zip"])] == [
        f"{tmp_path / 'cells.zip'}/cell_images/cell.png"
    ]
    (tmp_path / "cells.zip").unlink()
    assert [source.name for source in find_images([tmp_path])] == [str(tmp_path / "cell.png")]


def test_an_archive_gives_its_members_bytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        archive.writestr("خلية.png", b"pixels")
    (source,) = find_images([tmp_path / "cells.zip"])
    assert source.name.endswith("خلية.png")
    assert source.read() == b"pixels"


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_is_an_image_error_and_a_damaged_archive_a_source_error(
    compression: int, tmp_path: Path
) -> None:
    file = tmp_path / "cells.zip"
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("cell.png", bytes(range(256)) * 10)
    content = bytearray(file.read_bytes())
    content[50:70] = bytes(byte ^ 0xFF for byte in content[50:70])
    file.write_bytes(content)
    with pytest.raises(ImageError, match="unpack"):
        find_images([file])[0].read()
    file.write_bytes(b"not a zip")
    with pytest.raises(SourceError, match="not a zip"):
        find_images([file])


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        find_images([tmp_path / "nowhere"])


def test_a_member_that_unpacks_to_more_than_it_promises_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "cells.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cell.png", bytes(1001))
    with pytest.raises(ImageError, match="MB"):
        find_images([tmp_path / "cells.zip"])[0].read()
