"""What users read when the provider says no: a code of ours and a sentence, from the provider's code and words."""

from generation.providers.predictions import Prediction, Status

MODERATED = 1200

_BY_CODE = {
    MODERATED: ("moderated", "WaveSpeed's safety filter refused the prompt. It doesn't say which words."),
    1400: ("refused", "WaveSpeed says that a parameter is missing. It is not your prompt."),
    1401: ("refused", "WaveSpeed says that a parameter is invalid."),
    1402: ("media_unreadable", "WaveSpeed couldn't read the picture or video that was sent along."),
    5004: ("provider_timeout", "WaveSpeed gave up after its own time limit. It is not your prompt."),
}


def refusal(code: int | None, words: str) -> tuple[str, str]:
    """Return our code and sentence for a submission that the provider refused."""
    return _BY_CODE.get(code or 0, ("refused", f"WaveSpeed refused the job: {_brief(words)}"))


def failure(prediction: Prediction) -> tuple[str, str]:
    """Return our code and sentence for a prediction that failed."""
    if prediction.is_moderated:
        return _BY_CODE[MODERATED]
    code = 5004 if prediction.status == Status.TIMEOUT else prediction.code or 0
    if code in _BY_CODE:
        return _BY_CODE[code]
    if 5000 <= code < 5100:
        return "provider_failed", f"WaveSpeed reported a server error ({code}). It is not your prompt."
    said = f": {_brief(prediction.error)}" if prediction.error else "."
    return "provider_failed", f"WaveSpeed could not make this video{said}"


def _brief(words: str) -> str:
    return words if len(words) <= 200 else f"{words[:199]}…"
