"""Renders scenes to MP4 files and keeps them: H.264 and AAC, playable while it loads."""

import asyncio
import math
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from .picture import Painter
from .scene import Scene
from .sound import RATE, chord

_PICTURES_A_SECOND = 2
_ITU709 = 1
# As long as the provider keeps outputs.
_KEPT_SECONDS = 7 * 24 * 3600
_SAMPLES_A_FRAME = 1024


class Renderer:
    """Renders each scene once, at most a few at a time, outside the event loop."""

    def __init__(self, folder: Path, *, at_a_time: int = 2) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(at_a_time, thread_name_prefix="render")
        self._running: dict[str, asyncio.Future[Path]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        _remove_old(folder)

    def path(self, key: str) -> Path:
        """Return where the file of a scene's key is, or would be."""
        return self._folder / f"{key}.mp4"

    async def file_of(self, scene: Scene) -> Path:
        """Return the rendered file; two who want the same one wait for one rendering."""
        path = self.path(scene.key)
        if path.exists():
            return path
        if scene.key not in self._running:
            running = asyncio.get_running_loop().run_in_executor(self._threads, render, scene, path)
            self._running[scene.key] = running
            running.add_done_callback(lambda _: self._running.pop(scene.key, None))
        # One who stops waiting must not stop the rendering that others wait for.
        return await asyncio.shield(self._running[scene.key])

    def close(self) -> None:
        """Drop what has not begun."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def render(scene: Scene, path: Path) -> Path:
    """Render a scene; the file appears whole or not at all."""
    part = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.part")
    try:
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            video = _video_stream(container, scene)
            audio = _audio_stream(container) if scene.sound else None
            _encode_pictures(container, video, scene)
            if audio is not None:
                _encode_sound(container, audio, scene)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _video_stream(container: OutputContainer, scene: Scene) -> VideoStream:
    stream = container.add_stream("libx264", rate=scene.fps, options={"preset": "ultrafast", "crf": "23"})
    stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "yuv420p"
    context = stream.codec_context
    context.gop_size = scene.fps * 2
    context.max_b_frames = 0
    # Without these, players guess and show other colours than were drawn.
    context.colorspace = context.color_primaries = context.color_trc = _ITU709
    context.color_range = ColorRange.MPEG
    return stream


def _audio_stream(container: OutputContainer) -> AudioStream:
    return container.add_stream("aac", rate=RATE, layout="stereo", options={"b": "64k", "aac_coder": "fast"})


def _encode_pictures(container: OutputContainer, stream: VideoStream, scene: Scene) -> None:
    painter = Painter(scene)
    total = max(1, round(scene.duration * scene.fps))
    each = max(1, scene.fps // _PICTURES_A_SECOND)
    for number in range(math.ceil(total / each)):
        image = painter.picture(number / _PICTURES_A_SECOND)
        picture = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]
        frame = picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        for pts in range(number * each, min(total, (number + 1) * each)):
            frame.pts = pts
            frame.time_base = Fraction(1, scene.fps)
            container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _encode_sound(container: OutputContainer, stream: AudioStream, scene: Scene) -> None:
    samples = chord(scene.hue, scene.duration)
    step = _SAMPLES_A_FRAME * 4
    for start in range(0, len(samples), step):
        piece = samples[start : start + step]
        frame = av.AudioFrame(format="s16", layout="stereo", samples=len(piece) // 4)
        frame.planes[0].update(piece)
        frame.sample_rate = RATE
        frame.pts = start // 4
        frame.time_base = Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _remove_old(folder: Path) -> None:
    now = time.time()
    for path in folder.glob("*.mp4"):
        if now - path.stat().st_mtime > _KEPT_SECONDS:
            path.unlink(missing_ok=True)
    # What a killed sandbox left behind; another one that shares the folder is still writing its own.
    for path in folder.glob("*.part"):
        if now - path.stat().st_mtime > 3600:
            path.unlink(missing_ok=True)
