"""What users read when the provider says no: a code of ours and a sentence, from the provider's code and words."""

from generation.providers.predictions import Prediction, Status

MODERATED = 1200
MODERATED_CODE = "moderated"
_MOST = 200  # characters of the provider's own words

_BY_CODE = {
    MODERATED: (MODERATED_CODE, "WaveSpeed's safety filter refused the prompt. It doesn't say which words."),
    1400: ("refused", "WaveSpeed says that a parameter is missing. It is not your prompt."),
    1401: ("refused", "WaveSpeed says that a parameter is invalid."),
    1402: ("media_unreadable", "WaveSpeed couldn't read the picture or video that was sent along."),
    5004: ("provider_timeout", "WaveSpeed gave up after its own time limit. It is not your prompt."),
}


def refusal(code: int | None, words: str) -> tuple[str, str]:
    """Return our code and sentence for a submission that the provider refused."""
    return _BY_CODE.get(code or 0, ("refused", f"WaveSpeed refused the job{_quoted(words)}"))


def failure(prediction: Prediction) -> tuple[str, str]:
    """Return our code and sentence for a prediction that failed."""
    if prediction.is_moderated:
        return _BY_CODE[MODERATED]
    code = 5004 if prediction.status == Status.TIMEOUT else prediction.code or 0
    if code in _BY_CODE:
        return _BY_CODE[code]
    if 5000 <= code < 5100:
        return "provider_failed", f"WaveSpeed reported a server error ({code}). It is not your prompt."
    return "provider_failed", f"WaveSpeed could not make this video{_quoted(prediction.error)}"


def _quoted(words: str) -> str:
    """End a sentence of ours with the provider's words, shortened."""
    words = words.strip().rstrip(".")
    return f": {words[:_MOST]}{'…' if len(words) > _MOST else '.'}" if words else "."
