"""The addresses of outputs: they need no key, but their whole query string, as signed addresses of a CDN do."""

import hashlib
import hmac
from urllib.parse import urlencode

from .predictions import Prediction


def output_url(prediction: Prediction, key: str, secret: str) -> str:
    """Return the address of a prediction's file; it stays good when the sandbox is started anew."""
    query = urlencode({"prediction": prediction.id, "signature": output_signature(prediction.id, key, secret)})
    return f"{prediction.origin}/outputs/{key}.mp4?{query}"


def output_signature(prediction_id: str, key: str, secret: str) -> str:
    """Sign who may fetch what."""
    return hmac.new(secret.encode(), f"{prediction_id}/{key}".encode(), hashlib.sha256).hexdigest()[:32]
