"""What can be chosen when the sandbox starts, and changed while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How one sandbox behaves. Seconds are wall-clock seconds, money is US dollars."""

    # Where rendered files and uploads are kept; made if missing.
    # Rendered files outlive a restart, and but for `tiny` predictions and uploads do.
    files: Path
    host: str = "127.0.0.1"
    # 0 takes any free port; the address is printed once the sandbox listens.
    port: int = 8765
    # How long a prediction takes; longer if rendering does.
    seconds: float = 8.0
    # None: any non-empty bearer key is accepted.
    api_key: str | None = None
    webhook_secret: str = "whsec_sandbox-secret"  # noqa: S105 - public on purpose: it protects nothing
    # How long the first retry of a webhook waits; each further one waits twice as long.
    webhook_pause: float = 1.0
    # Pictures of 160x90 whatever the model promises, without the prompt: nearly free, and the same for all prompts.
    tiny: bool = False
    # Pictures of the promised size, without the prompt, at two a second: rendered once for many prompts.
    plain: bool = False
    balance: float = 10_000.0
    # What the account allows; None: no limit.
    concurrent: int | None = None
    per_minute: int | None = None
    # Whether the list of predictions honours `include_inputs`.
    include_inputs: bool = True
    # Faults for prompts that name none, as in faults.py but without brackets ("failed", "slow=3").
    faults: tuple[str, ...] = ()
    fault_probability: float = 1.0
    fault_seed: int = 0
    # Dollars a second that replace the shipped prices, by model id.
    prices: Mapping[str, float] = field(default_factory=dict)
    # Models that are not on offer any more.
    without: tuple[str, ...] = ()
    # Schemas that replace the shipped ones, by MODEL.PARAMETER; None takes the parameter away. See drift.py.
    schemas: Mapping[str, Any] = field(default_factory=dict)
