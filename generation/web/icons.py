"""The icons of all pages as one sprite, built from lucide's zip at start; its address changes with its content."""

import hashlib
import re
from importlib.resources import files
from io import BytesIO
from zipfile import ZipFile

NAMES = frozenset(
    """
    arrow-left arrow-right bell calendar chart-column check chevron-down chevron-right circle-alert circle-check
    circle-question-mark circle-x clapperboard clock code copy dices download ellipsis external-link eye eye-off film
    flask-conical hourglass image images info key-round layout-grid link list lock log-out mail menu minus monitor moon
    pause pencil play plus receipt refresh-cw repeat rotate-ccw search send settings share-2 shield sliders-horizontal
    smartphone star sun sun-moon trash-2 triangle-alert upload user volume-2 volume-x wallet wand-sparkles x
    """.split()  # noqa: SIM905
)
"""What pages may show. An icon that is missing here fails its page in the tests."""

_BODY = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def _symbol(name: str, archive: ZipFile) -> str:
    found = _BODY.search(archive.read(f"{name}.svg").decode())
    if found is None:
        raise ValueError(f"lucide's icon {name} is no SVG")
    lines = "".join(line.strip() for line in found[1].splitlines())
    return f'<symbol id="i-{name}" viewBox="0 0 24 24">{lines}</symbol>'


def _sprite() -> bytes:
    with ZipFile(BytesIO((files("lucide") / "lucide.zip").read_bytes())) as archive:
        symbols = "\n".join(_symbol(name, archive) for name in sorted(NAMES))
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'.encode()


SPRITE = _sprite()
VERSION = hashlib.sha256(SPRITE).hexdigest()[:12]
