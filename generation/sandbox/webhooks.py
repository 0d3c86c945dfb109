"""Webhooks: signed as WaveSpeed signs them, and sent to this machine only."""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import time
from collections import Counter
from urllib.parse import urlsplit

import aiohttp

from .faults import find
from .options import SandboxOptions
from .predictions import Prediction, Status

_RETRIES = 3
_STALE_SECONDS = 600
_PATIENCE = aiohttp.ClientTimeout(total=10)


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the hex signature; the key is the secret without its prefix, as text, not decoded."""
    key = secret.removeprefix("whsec_").encode()
    return hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def is_loopback(url: str) -> bool:
    """Whether an address leads back to this machine; nothing is sent anywhere else."""
    host = ""
    try:
        host = urlsplit(url).hostname or ""
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Courier:
    """Sends webhooks and counts them: sent (attempts), delivered, given_up, elsewhere (not loopback, never sent)."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of kept-open connections."""
        if self._session is not None:
            await self._session.close()

    async def announce(self, prediction: Prediction, options: SandboxOptions) -> None:
        """Send what the provider sends when a prediction ends, spoiled as its faults wish."""
        faults = prediction.faults
        if prediction.webhook is None or find(faults, "webhook_never"):
            return
        late = find(faults, "webhook_late")
        if late is not None:
            await asyncio.sleep(late.value or 0)
        moment = time.time() - (_STALE_SECONDS if find(faults, "webhook_stale") else 0)
        for _ in range(2 if find(faults, "webhook_twice") else 1):
            await self._deliver(
                prediction.webhook, _letter(prediction.shown(), options.webhook_secret, moment), options
            )

    async def lie(self, prediction: Prediction, options: SandboxOptions) -> None:
        """Claim the end of a prediction that has hardly begun, under a signature of somebody else's secret."""
        if prediction.webhook is None or not find(prediction.faults, "webhook_forged"):
            return
        claim = prediction.shown() | {"status": Status.COMPLETED.value, "outputs": [f"{prediction.origin}/forged.mp4"]}
        await self._deliver(prediction.webhook, _letter(claim, "whsec_somebody-else", time.time()), options)

    async def _deliver(self, url: str, letter: tuple[dict[str, str], bytes], options: SandboxOptions) -> None:
        if not is_loopback(url):
            self.counts["elsewhere"] += 1
            return
        for attempt in range(1 + _RETRIES):
            if attempt:
                await asyncio.sleep(options.webhook_pause * 2 ** (attempt - 1))
            self.counts["sent"] += 1
            if await self._sent(url, letter):
                self.counts["delivered"] += 1
                return
        self.counts["given_up"] += 1

    async def _sent(self, url: str, letter: tuple[dict[str, str], bytes]) -> bool:
        headers, body = letter
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_PATIENCE, trust_env=False)
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                return 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False


def _letter(payload: dict[str, object], secret: str, moment: float) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a webhook: the bare prediction, no envelope."""
    body = json.dumps(payload, separators=(",", ":")).encode()
    message_id, timestamp = str(payload["id"]), str(int(moment))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v3,{signature(secret, message_id, timestamp, body)}",
    }
    return headers, body
