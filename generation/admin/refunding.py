"""What a refund gives back and where it goes, said before it is done and afterwards."""

from datetime import datetime

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing import services as billing
from billing.admin.tables import all_stops
from billing.desk import day, usd
from billing.models import Hold
from generation.admin.pages import ReasonForm, id_of
from generation.models import Job


class RefundForm(ReasonForm):
    """Says where the money goes, and asks why."""

    def render_before_template(self) -> SafeString:
        """Tell it before it is done."""
        rows = Job.objects.select_related("user", "hold__period")
        job, now = get_object_or_404(rows, pk=id_of(self.object_id)), timezone.now()
        stops = all_stops(billing.current_period(job.user, now))
        return format_html(
            '<p class="font-semibold mb-4 text-important">{}</p>', refunded_to(job.hold, now, fills=stops)
        )


def refunded_to(held: Hold, now: datetime, *, fills: str) -> str:
    """Say what a refund gives back and where it goes, by the rule of billing.services.refund.

    `fills` says what it fills first, where limits of the current period stand above what they are meant to be; else "".
    """
    if held.state != Hold.State.SETTLED:
        return "Nothing was charged, so there is nothing to refund."
    charged = f"{usd(held.spend)} charged → refunded"
    if held.period.ends_at > now:
        return f"{charged}. {fills}" if fills else f"{charged}; it can be spent again until {day(held.period.ends_at)}."
    over = f"its own was over on {day(held.period.ends_at)}."
    return f"{charged}; it goes to the current period as a grant, since {over} {fills}".strip()
