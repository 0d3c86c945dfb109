"""What users send is told by its bytes, whatever it calls itself, and refused in words."""

import contextlib
import io

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from generation.catalog import Kind
from generation.intake import NotMedia, TooLarge, measure
from tests import media


def measured(data: bytes):
    return measure(io.BytesIO(data), len(data))


def refused(data: bytes) -> str:
    with pytest.raises(NotMedia) as raised:
        measured(data)
    return str(raised.value)


@pytest.mark.parametrize(
    ("make", "content_type"), [(media.png, "image/png"), (media.jpeg, "image/jpeg"), (media.webp, "image/webp")]
)
def test_a_picture_is_measured(make, content_type):
    found = measured(make(64, 48))
    assert (found.format.kind, found.format.content_type) == (Kind.IMAGE, content_type)
    assert (found.width, found.height, found.seconds) == (64, 48, 0.0)


@pytest.mark.parametrize(
    ("make", "content_type"), [(media.mp4, "video/mp4"), (media.mov, "video/quicktime"), (media.webm, "video/webm")]
)
@pytest.mark.parametrize("audio", [True, False])
def test_a_video_is_measured(make, content_type, audio):
    found = measured(make(2.0, 64, 48, audio=audio))
    assert (found.format.kind, found.format.content_type) == (Kind.VIDEO, content_type)
    assert (found.width, found.height, found.has_audio) == (64, 48, audio)
    assert found.seconds == pytest.approx(2.0, abs=0.11)


def test_the_file_stands_at_its_start_afterwards():
    file = io.BytesIO(media.png())
    measure(file, len(file.getvalue()))
    assert file.tell() == 0


def test_a_picture_that_lies_on_its_side_is_measured_as_it_is_seen():
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48)).save(file, "JPEG", exif=exif)
    found = measured(file.getvalue())
    assert (found.width, found.height) == (48, 64)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file is empty"),
        (b"hello, I am a video", "it is text"),
        (media.ffconcat(), "it begins like a list of files for FFmpeg"),
        (b"#EXTM3U\nfile:///etc/passwd", "it begins like a playlist"),
        (b"PK\x03\x04" + bytes(40), "it begins like a ZIP file"),
        (media.gif(), "it begins like a GIF"),
        (b"%PDF-1.7\n", "it begins like a PDF"),
        (b"\x00\x01\x02\x80\xff" * 20, "its first bytes are unknown"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it is text"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "a Matroska video, but no WebM"),
        (media.png()[:80], "can't be read"),
        (media.jpeg()[:300], "can't be read"),
        (media.mp4()[:900], "can't be read"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(40), "can't be read"),
        (media.webm()[:120], "can't be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_else_is_refused_in_words(data, words):
    assert words in refused(data)


def test_a_refusal_says_what_is_allowed():
    assert refused(b"hello").endswith("allowed: PNG, JPEG or WebP pictures, and MP4, MOV or WebM videos.")


def test_a_list_of_files_is_never_followed(tmp_path):
    """The control: a reader that may guess opens the file that the list names."""
    (tmp_path / "secret.mp4").write_bytes(media.mp4())
    listing = f"ffconcat version 1.0\nfile {tmp_path / 'secret.mp4'}\n".encode()
    (tmp_path / "list.mp4").write_bytes(listing)
    with av.open(str(tmp_path / "list.mp4"), options={"safe": "0"}) as guessed:
        assert guessed.streams.video
    assert "list of files" in refused(listing)
    assert "can't be read" in refused(b"\x00\x00\x00\x18ftypisom" + listing)


def test_what_would_unfold_is_not_unfolded():
    with pytest.raises(TooLarge, match=r"This has 30000×30000 pixels; allowed: at most 25 million"):
        measured(media.bomb())


def test_a_long_thin_picture_is_too_large():
    with pytest.raises(TooLarge, match="8192 on a side"):
        measured(media.png(8193, 1))


@pytest.mark.parametrize(
    ("setting", "value", "data", "words"),
    [
        ("UPLOAD_IMAGE_BYTES", 100, media.png(), "allowed for pictures: at most 0.0 MB"),
        ("UPLOAD_VIDEO_BYTES", 2_000, media.mp4(), "allowed for videos: at most 0.0 MB"),
        ("UPLOAD_VIDEO_SECONDS", 1.5, media.mp4(2.0), "This is 2.0 s long; allowed: at most 1.5 s."),
    ],
    ids=["picture", "video", "length"],
)
def test_a_limit_is_named_with_what_was_sent(settings, setting, value, data, words):
    setattr(settings, setting, value)
    with pytest.raises(TooLarge) as raised:
        measured(data)
    assert words in str(raised.value)


def test_the_sound_does_not_count_to_the_length():
    found = measured(media.webm(1.0))
    assert found.seconds == pytest.approx(1.0, abs=0.11)


def test_a_video_without_a_picture_track_is_none():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        frame.rate = 48_000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "no picture track" in refused(file.getvalue())


WHOLE = [media.png(), media.jpeg(), media.webp(), media.mp4(), media.mov(), media.webm()]


@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=20))
def test_whatever_is_broken_is_measured_or_refused(whole, changes):
    data = bytearray(whole)
    for place, value in changes:
        data[place % len(data)] = value
    with contextlib.suppress(NotMedia):
        found = measured(bytes(data))
        assert min(found.width, found.height) > 0


def forged(data: bytes, seconds: int) -> bytes:
    """Let each track's header of an MP4 say another length."""
    found = bytearray(data)
    place = found.find(b"mdhd")
    while place > 0:
        scale = int.from_bytes(found[place + 16 : place + 20], "big")
        found[place + 20 : place + 24] = (seconds * scale).to_bytes(4, "big")
        place = found.find(b"mdhd", place + 4)
    return bytes(found)


def test_the_frames_are_counted_and_the_header_is_not_believed():
    # What costs by the second would otherwise be had for the price of one.
    assert measured(forged(media.mp4(4.0), 1)).seconds == pytest.approx(4.0, abs=0.11)


def test_a_video_that_is_cut_behind_its_index_is_refused(tmp_path):
    path = tmp_path / "fast.mp4"
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(60):
            frame = av.VideoFrame.from_image(Image.effect_noise((320, 240), 90).convert("RGB"))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    whole = path.read_bytes()
    assert measured(whole).seconds == pytest.approx(6.0, abs=0.11)
    assert "is cut off" in refused(whole[: len(whole) // 2])


def test_a_video_with_two_picture_tracks_is_refused():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        streams = [container.add_stream("libx264", rate=10) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stream in streams:
            for number in range(3):
                frame = av.VideoFrame(64, 48, "yuv420p")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    assert "has 2 picture tracks; allowed: one" in refused(file.getvalue())


def test_a_refusal_carries_no_path_of_ours(tmp_path):
    path = tmp_path / "secret-place.mp4"
    path.write_bytes(media.mp4()[:900])
    with path.open("rb") as file, pytest.raises(NotMedia) as raised:
        measure(file, 900)
    assert "secret-place" not in str(raised.value)
