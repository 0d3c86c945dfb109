"""What a check of the provider's offer closes and opens."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from billing.models import Price
from billing.services import Actor
from generation import services
from generation.catalog import HUNYUAN, HUNYUAN_IMAGE, LTX_2_FAST, LTX_2_PRO, LTX_2_RETAKE
from generation.models import Job, Switch
from generation.providers.wavespeed import WaveSpeed
from generation.services.checking import NotChecked, Report, check_models, preview_models
from generation.services.switching import Closed, ModelClosed, close, reopen
from generation.spec import InvalidSpec
from tests.make import make_job, make_spec, make_user
from tests.sandbox import RunningSandbox

pytestmark = pytest.mark.django_db

PRO = LTX_2_PRO.id
OLGA = Actor(name="olga")
NO_TEN = {"type": "integer", "enum": [5, 8], "default": 5}
NOT_OFFERED = "WaveSpeed does not offer it at the moment."


def check() -> Report:
    return check_models(timezone.now())


def closed() -> list[tuple[str, str, str]]:
    found = Switch.objects.filter(opened_at__isnull=True).order_by("model", "parameter", "value")
    return [(switch.model, switch.parameter, switch.value) for switch in found]


def reason_of(model: str) -> str:
    return Closed().model(model) or ""


def opened_by_olga() -> None:
    for switch in Switch.objects.filter(opened_at__isnull=True):
        assert reopen(switch, by=OLGA, now=timezone.now())


def test_the_sandbox_offers_what_we_offer(sandbox: RunningSandbox) -> None:
    report = check()
    assert (report.drifts, report.remarks, report.closings, report.openings) == ((), (), (), ())
    assert not Switch.objects.exists()
    # Each length of each price: 3 + 8 + 4 sizes of 3 + 3 + 8 + 2 of 3; a retake has its floor.
    assert sandbox.stats()["requests"]["POST /api/v3/model/price"] == 40
    assert sandbox.stats()["submissions"] == 0


def test_a_value_that_is_gone_is_closed_and_opened_again_when_it_is_back(sandbox: RunningSandbox) -> None:
    sandbox.set(schemas={f"{HUNYUAN.id}.duration": NO_TEN, f"{HUNYUAN_IMAGE.id}.duration": NO_TEN})
    report = check()
    assert [(drift.model, drift.parameter, drift.value) for drift in report.drifts] == [
        (HUNYUAN.id, "duration", 10),
        (HUNYUAN_IMAGE.id, "duration", 10),
    ]
    assert closed() == [(HUNYUAN_IMAGE.id, "duration", "10"), (HUNYUAN.id, "duration", "10")]
    assert Closed().value(HUNYUAN.id, "duration", 10) == NOT_OFFERED
    with pytest.raises(InvalidSpec, match="does not offer it at the moment"):
        services.create(make_user(), make_spec(model="hunyuan-video-1.5", duration=10), by=OLGA)

    assert check().closings == ()
    sandbox.reset()
    back = check()

    assert {switch.model for switch in back.openings} == {HUNYUAN.id, HUNYUAN_IMAGE.id}
    assert back.drifts == ()
    assert closed() == []
    assert set(Switch.objects.values_list("opened_by", flat=True)) == {"check_models"}
    sandbox.set(schemas={f"{HUNYUAN.id}.duration": NO_TEN})
    assert len(check().closings) == 1  # it was no operator who opened it


def test_a_value_that_an_operator_closed_stays_closed(sandbox: RunningSandbox) -> None:
    close(model=PRO, value={"duration": 8}, reason="It stutters.", by=OLGA, now=timezone.now())
    assert check().openings == ()
    assert closed() == [(PRO, "duration", "8")]


def test_a_value_is_not_opened_while_nobody_knows_whether_it_is_offered(sandbox: RunningSandbox) -> None:
    sandbox.set(schemas={f"{HUNYUAN.id}.duration": NO_TEN})
    check()
    sandbox.set(without=[HUNYUAN.id], schemas={})
    assert check().openings == ()
    assert (HUNYUAN.id, "duration", "10") in closed()


def test_a_model_that_is_gone_is_closed_until_an_operator_opens_it(sandbox: RunningSandbox) -> None:
    job = make_job()
    sandbox.set(without=[PRO])
    (drift,) = check().drifts
    assert str(drift) == f"{PRO}: gone; ours: offered; theirs: none"
    assert closed() == [(PRO, "", "")]
    with pytest.raises(ModelClosed, match="does not offer it"):
        services.create(make_user(), make_spec(), by=OLGA)
    assert Job.objects.get(pk=job.pk).status == "queued"  # what is under way goes on

    sandbox.reset()
    report = check()

    assert (report.drifts, report.openings) == ((), ())
    assert [switch.model for switch in report.left_closed] == [PRO]
    assert closed() == [(PRO, "", "")]
    opened_by_olga()
    assert check().left_closed == ()


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"duration": None}, "duration is not taken any more"),
        ({"duration": {"type": "string", "default": "6s"}}, "duration is of another type"),
        ({"duration": {"type": "integer", "enum": [7, 9]}}, "none of our values is left"),
        ({"style": {"type": "string", "required": True}}, "style is required"),
        ({"generate_audio": None, "duration": NO_TEN}, "generate_audio is not taken any more"),
    ],
    ids=str,
)
def test_a_model_whose_parameter_has_changed_is_closed(
    sandbox: RunningSandbox, rules: dict[str, Any], reason: str
) -> None:
    sandbox.set(schemas={f"{PRO}.{name}": rule for name, rule in rules.items()})
    # Inputs that it does not take have no price, which nobody asks for.
    assert "no price" not in {drift.what for drift in check().drifts}
    assert (PRO, "", "") in closed()
    assert reason in reason_of(PRO)


def test_prices_are_compared_for_what_is_still_taken(sandbox: RunningSandbox) -> None:
    sandbox.set(schemas={f"{HUNYUAN.id}.size": {"type": "string", "enum": ["832*480"]}})
    report = check()
    assert [drift.value for drift in report.drifts] == ["480*832", "1280*720", "720*1280"]
    assert closed() == [(HUNYUAN.id, "size", f'"{size}"') for size in sorted(["480*832", "1280*720", "720*1280"])]


@pytest.mark.parametrize(
    ("model", "dollars", "reason"),
    [
        (PRO, 0.07, "WaveSpeed asks $0.42 for 6 s, more than our $0.36."),
        (LTX_2_FAST.id, 0.040001, "WaveSpeed asks $0.240006 for 6 s, more than our $0.24."),
        (HUNYUAN_IMAGE.id, 0.03, "WaveSpeed asks $0.15 for 5 s, more than our $0.10."),
        (LTX_2_RETAKE.id, 0.11, "WaveSpeed asks $0.11 for 1 s, more than our $0.10."),
    ],
)
def test_a_model_that_costs_more_than_we_take_is_closed(
    sandbox: RunningSandbox, model: str, dollars: float, reason: str
) -> None:
    sandbox.set(prices={model: dollars})
    drifts = check().drifts
    assert {drift.model for drift in drifts} == {model}
    assert closed() == [(model, "", "")]
    assert reason_of(model) == reason


def test_a_lower_price_is_only_a_remark(sandbox: RunningSandbox) -> None:
    sandbox.set(prices={PRO: 0.05})
    report = check()
    assert report.drifts == ()
    (remark,) = report.remarks
    assert (remark.ours, remark.theirs) == (
        "$0.36 for 6 s, $0.48 for 8 s, $0.60 for 10 s",
        "$0.30 for 6 s, $0.40 for 8 s, $0.50 for 10 s",
    )
    assert closed() == []


def test_it_is_the_price_of_now_that_counts(sandbox: RunningSandbox) -> None:
    now = timezone.now()
    sandbox.set(prices={PRO: 0.07})
    Price.objects.create(model=PRO, micros_per_second=70_000, starts_at=now + timedelta(days=1))
    assert len(preview_models(now).drifts) == 1
    assert preview_models(now + timedelta(days=2)).drifts == ()


def test_a_model_without_a_price_is_named_and_nothing_is_closed(sandbox: RunningSandbox) -> None:
    Price.objects.filter(model=HUNYUAN.id, variant="480p").delete()
    (drift,) = check().drifts
    assert (drift.model, drift.parameter, drift.what) == (HUNYUAN.id, "price 480p", "no price")
    assert closed() == []


def test_a_value_of_theirs_that_we_do_not_offer_is_only_a_remark(sandbox: RunningSandbox) -> None:
    sandbox.set(schemas={f"{PRO}.duration": {"type": "integer", "enum": [6, 8, 10, 12], "default": 6}})
    report = check()
    assert (report.drifts, closed()) == ((), [])
    assert [remark.what for remark in report.remarks] == ["12 could be offered"]


def test_what_an_operator_has_opened_stays_open_for_the_same_reason(sandbox: RunningSandbox) -> None:
    sandbox.set(prices={PRO: 0.07}, schemas={f"{HUNYUAN.id}.duration": NO_TEN})
    assert len(check().closings) == 2
    opened_by_olga()
    report = check()
    assert len(report.drifts) == 2
    assert (report.closings, len(report.left_open)) == ((), 2)
    assert closed() == []


def test_a_price_that_rises_again_is_another_reason(sandbox: RunningSandbox) -> None:
    sandbox.set(prices={PRO: 0.07})
    check()
    opened_by_olga()
    sandbox.set(prices={PRO: 0.08})
    assert len(check().closings) == 1
    assert closed() == [(PRO, "", "")]


def test_a_model_that_is_closed_already_keeps_its_reason(sandbox: RunningSandbox) -> None:
    close(model=PRO, reason="Holidays.", by=OLGA, now=timezone.now())
    sandbox.set(without=[PRO])
    report = check()
    assert (len(report.drifts), report.closings) == (1, ())
    assert reason_of(PRO) == "Holidays."


def test_a_preview_changes_nothing(sandbox: RunningSandbox) -> None:
    sandbox.set(without=[PRO], schemas={f"{HUNYUAN.id}.duration": NO_TEN})
    report = preview_models(timezone.now())
    assert [str(closing) for closing in report.closings] == [PRO, f"{HUNYUAN.id} duration 10"]
    assert not Switch.objects.exists()


@pytest.mark.parametrize("options", [{"api_key": "another"}, {"without": "all"}], ids=str)
def test_a_provider_that_does_not_say_closes_nothing(sandbox: RunningSandbox, options: dict[str, Any]) -> None:
    if options.get("without") == "all":
        offers = WaveSpeed(url=sandbox.url, key="sandbox").models()
        options = {"without": [offer.model for offer in offers]}
    sandbox.set(**options)
    with pytest.raises(NotChecked, match="nothing was checked or closed"):
        check()
    assert not Switch.objects.exists()


def test_a_provider_that_fails_at_the_last_price_closes_nothing(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = WaveSpeed.price

    def fail_late(provider: WaveSpeed, model: str, inputs: Any) -> int:
        if model == HUNYUAN_IMAGE.id:
            provider = WaveSpeed(url="http://127.0.0.1:1", key="a-key")
        return price(provider, model, inputs)

    monkeypatch.setattr(WaveSpeed, "price", fail_late)
    sandbox.set(without=[PRO])
    with pytest.raises(NotChecked):
        check()
    assert not Switch.objects.exists()


def test_a_price_that_is_refused_is_named_and_the_others_are_compared(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = WaveSpeed.price
    monkeypatch.setattr(
        WaveSpeed, "price", lambda self, model, inputs: price(self, model, {"x": 1} if model == PRO else inputs)
    )
    sandbox.set(prices={LTX_2_FAST.id: 0.05})
    drifts = check().drifts
    assert [drift.what for drift in drifts if drift.model == PRO] == ["no price"] * 3
    assert closed() == [(LTX_2_FAST.id, "", "")]


@pytest.mark.django_db(transaction=True)
def test_the_provider_is_asked_outside_of_transactions(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[bool] = []
    send = WaveSpeed._send

    def watched(*args: Any, **options: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return send(*args, **options)

    monkeypatch.setattr(WaveSpeed, "_send", watched)
    sandbox.set(without=[PRO])
    check()
    assert set(inside) == {False}
    assert closed() == [(PRO, "", "")]


def test_nobody_is_asked_when_there_is_no_provider(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generation.providers.wavespeed.sleep", lambda _: None)
    settings.WAVESPEED_URL = "http://127.0.0.1:1"
    with pytest.raises(NotChecked, match="WaveSpeed did not answer"):
        check()
