import io
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest

from plasmoscope.imaging import reading, sources
from plasmoscope.imaging.reading import ImageError
from plasmoscope.imaging.sources import Readable, SourceError, find_images, find_photographs


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


def names(*paths: Path) -> list[str]:
    top = str(paths[0].parent) + "/"
    return [source.name.removeprefix(top) for source in find_images(paths)]


def why(source: Readable) -> str:
    with pytest.raises(ImageError) as error:
        source.read()
    return str(error.value)


def write_zip(file: Path | io.BytesIO, **members: bytes) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    write_zip(stream, **members)
    return stream.getvalue()


def test_a_dead_link_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
    (tmp_path / "cell.png").write_bytes(b"x")
    found = {Path(source.name).name: source for source in find_images([tmp_path])}
    assert sorted(found) == ["cell.png", "circle.png", "lost.png"]
    assert "link to a file that is not there" in why(found["lost.png"])
    assert "link to a file that is not there" in why(found["circle.png"])


def test_a_linked_folder_is_read_and_a_circle_of_links_ends(tmp_path: Path) -> None:
    for name in ("slide/a.png", "elsewhere/b.png", "elsewhere/deep/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "slide" / "0-linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "slide" / "1-again").symlink_to(tmp_path / "elsewhere" / "deep")
    (tmp_path / "elsewhere" / "deep" / "back").symlink_to(tmp_path / "slide")
    assert names(tmp_path / "slide") == ["slide/0-linked/b.png", "slide/0-linked/deep/c.png", "slide/a.png"]


def test_a_folder_under_its_own_name_goes_before_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "slide" / "fields").mkdir(parents=True)
    (tmp_path / "slide" / "fields" / "a.png").write_bytes(b"x")
    (tmp_path / "slide" / "1-link").symlink_to(tmp_path / "slide" / "fields")
    assert names(tmp_path / "slide") == ["slide/fields/a.png"]


def test_a_folder_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Rights do not stop the administrator, whom tests may run as.
    (tmp_path / "slide" / "closed").mkdir(parents=True)
    (tmp_path / "slide" / "open.png").write_bytes(b"x")
    whole = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(os, "scandir", scandir)
    closed, opened = find_images([tmp_path / "slide"])
    assert closed.name.endswith("closed")
    assert "folder cannot be opened (Permission denied)" in why(closed)
    assert opened.name.endswith("open.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (pipe,) = find_images([tmp_path])
    assert "pipe" in why(pipe)


def test_archives_in_folders_and_in_archives_are_opened(tmp_path: Path) -> None:
    (tmp_path / "slide").mkdir()
    write_zip(tmp_path / "slide" / "a.zip", one_png=b"1", inner_zip=zipped(two_png=b"2"))
    assert names(tmp_path / "slide") == ["slide/a.zip/inner.zip/two.png", "slide/a.zip/one.png"]
    assert [source.read() for source in find_images([tmp_path / "slide" / "a.zip"])] == [b"1", b"2"]


def test_an_archive_that_cannot_be_opened_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "slide").mkdir()
    (tmp_path / "slide" / "broken.zip").write_bytes(b"no zip")
    write_zip(tmp_path / "slide" / "good.zip", broken_zip=b"no zip either", one_png=b"1")
    broken, inner, one = find_images([tmp_path / "slide"])
    assert "not a zip archive that can be opened" in why(broken)
    assert "not a zip archive that can be opened" in why(inner)
    assert one.read() == b"1"


def test_archives_in_archives_end_at_a_depth_and_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = zipped(cell_png=b"x")
    for _ in range(5):
        data = zipped(inner_zip=data)
    (tmp_path / "deep.zip").write_bytes(data)
    (deep,) = find_images([tmp_path / "deep.zip"])
    assert "more than 3 archives lie in each other" in why(deep)
    write_zip(tmp_path / "wide.zip", a_zip=zipped(a_png=b"x" * 400), b_zip=zipped(b_png=b"x" * 400))
    monkeypatch.setattr(sources, "_MAX_NESTED_BYTES", 800)
    first, second = find_images([tmp_path / "wide.zip"])
    assert len(first.read()) == 400
    assert "unpack them" in why(second)


def test_entries_of_one_name_in_an_archive_are_both_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("cells/one.png", b"first")
        archive.writestr("cells/one.png", b"second")
    assert names(tmp_path / "a.zip") == ["a.zip/cells/one.png", "a.zip/(2)/cells/one.png"]
    assert [source.read() for source in find_images([tmp_path / "a.zip"])] == [b"first", b"second"]


def test_labels_and_tables_beside_photographs_are_no_photographs_unless_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "slide").mkdir()
    for name in ("a.jpg", "a.xml", "notes.TXT"):
        (tmp_path / "slide" / name).write_bytes(b"x")
    write_zip(tmp_path / "slide" / "rois.zip", one_roi=b"x", two_avif=b"x")
    found = [Path(source.name).name for source in find_photographs([tmp_path / "slide"])]
    assert found == ["a.jpg", "two.avif"]
    assert len(find_photographs([tmp_path / "slide" / "a.xml"])) == 1


def test_members_of_archives_that_another_process_is_sent_are_opened_there(tmp_path: Path) -> None:
    inner = zipped(a=b"in an archive in an archive")
    write_zip(tmp_path / "outer.zip", **{"b": b"in an archive", "inner.zip": inner})
    found = find_images([tmp_path / "outer.zip"])
    sent = pickle.loads(pickle.dumps(found))
    assert [(one.name, one.read()) for one in sent] == [(one.name, one.read()) for one in found]
    assert sorted(one.read() for one in sent) == [b"in an archive", b"in an archive in an archive"]
