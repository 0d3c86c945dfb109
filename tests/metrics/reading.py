"""Reading /metrics as Prometheus does."""

from django.test import Client
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "token-of-a-test"


def answer(token: str = TOKEN, method: str = "get", scheme: str = "Bearer"):
    return getattr(Client(), method)("/metrics", headers={"Authorization": f"{scheme} {token}"})


def families() -> list[Metric]:
    read = answer()
    assert read.status_code == 200
    return list(text_string_to_metric_families(read.content.decode()))


def figures() -> dict[str, float]:
    """Return what is said, by name and the values of its labels in their order by name."""
    return {
        " ".join(
            [sample.name.removeprefix("clapboard_"), *(value for _, value in sorted(sample.labels.items()))]
        ): sample.value
        for family in families()
        for sample in family.samples
    }
