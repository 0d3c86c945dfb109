"""What is said about a file, and what is not."""

import pytest

from generation.storage import probe, probes


@pytest.fixture
def path(video, tmp_path):
    """Is a video that somebody takes away between two looks."""
    path = tmp_path / "video.mp4"
    path.write_bytes(video)
    return path


def test_a_file_that_is_not_there_is_not_called_no_video(tmp_path):
    for look in (probe, probes.poster):
        with pytest.raises(FileNotFoundError):
            look(tmp_path / "video.mp4")


def test_nor_is_one_that_goes_while_it_is_looked_at(path, monkeypatch):
    monkeypatch.setattr(probes, "_check_whole", lambda path: path.unlink())
    with pytest.raises(FileNotFoundError):
        probe(path)


@pytest.mark.parametrize("length", [1, 8, 1 << 40, (1 << 64) - 1])
def test_a_box_with_a_long_length_is_measured_too(path, video, length):
    head = b"\0\0\0\x01mdat" + length.to_bytes(8)
    path.write_bytes(video + head)
    if length > 8:
        with pytest.raises(probes.NotAVideo, match="cut"):
            probe(path)
    else:
        assert probe(path).width == 64


def test_many_tiny_boxes_are_not_walked_for_ever(path, video):
    path.write_bytes(video + b"\0\0\0\x08free" * 200_000)
    assert probe(path).width == 64
