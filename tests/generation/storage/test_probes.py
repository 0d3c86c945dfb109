"""What is said about a file, and what is not."""

import pytest

from generation.storage import probe, probes
from tests.media import mp4


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


@pytest.mark.parametrize("size", [(8208, 16), (16, 8208)])
def test_a_picture_that_is_far_too_large_is_refused_before_it_is_decoded(path, size, monkeypatch):
    path.write_bytes(mp4(0.2, *size, audio=False))
    monkeypatch.setattr(probes.av.container.InputContainer, "decode", None, raising=False)
    with pytest.raises(probes.NotAVideo, match="too large"):
        probe(path)


def test_so_is_one_of_too_many_pixels_and_a_decoder_makes_none_that_its_header_hides(path, monkeypatch):
    monkeypatch.setattr(probes, "_MOST_PIXELS", 64 * 48)
    assert probe(path).width == 64
    assert probes.poster(path)
    monkeypatch.setattr(probes, "_MOST_PIXELS", 64 * 48 - 1)
    with pytest.raises(probes.NotAVideo, match="64×48"):
        probe(path)
    with pytest.raises(probes.NotAVideo, match="can't be decoded"):
        probes.poster(path)
