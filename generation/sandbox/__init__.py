"""
The sandbox: a local WaveSpeed that speaks its HTTP API and renders real MP4 files, with faults on demand (faults.py).

It is a process of its own (`python -m generation.sandbox`, `manage.py sandbox`), knows nothing of the application,
and the application knows nothing of it but its address.
"""

from .app import create_app
from .options import SandboxOptions
from .server import serve

__all__ = ["SandboxOptions", "create_app", "serve"]
