"""What tests arrange with. Alice owns, Bob is another user, Olga operates."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from billing import services as billing
from billing.models import ApiKey, Plan, User
from billing.services import Actor
from generation import services
from generation.models import Job, JobEvent, Status, Upload
from generation.spec import VideoSpec, video_spec

ACTOR = Actor(name="test", request_id="request-of-a-test")


def make_plan(**fields: Any) -> Plan:
    """Make a plan of its own, unlimited but for what is said."""
    slug = f"plan-{uuid4().hex[:8]}"
    return Plan.objects.create(**{"slug": slug, "name": slug, "jobs_at_a_time": 100, **fields})


def make_user(email: str = "", *, plan: str | Plan = "pro", **fields: Any) -> User:
    """Make a user with a subscription; without an address a fresh one is drawn."""
    user = User.objects.create_user(email or f"{uuid4().hex[:12]}@example.org", "correct horse", **fields)
    chosen = plan if isinstance(plan, Plan) else Plan.objects.get(slug=plan)
    billing.change_plan(user, chosen, now=timezone.now(), by=ACTOR)
    return user


def make_key(user: User, name: str = "test") -> tuple[ApiKey, str]:
    """Make an API key and return it with its secret."""
    return billing.create_api_key(user, name)


def make_spec(prompt: str = "A red fox in snow", **wish: Any) -> VideoSpec:
    """Make a spec of LTX-2 Pro."""
    return video_spec({"model": "ltx-2-pro", "prompt": prompt, **wish})


def make_job(
    user: User | None = None, *, status: Status = Status.QUEUED, now: datetime | None = None, **fields: Any
) -> Job:
    """Make a job the way a door does, and put its row into `status` with what belongs to it there.

    A final status resolves its hold, as the law says. Other fields are written as given.
    """
    job = services.create(user or make_user(), make_spec(), by=ACTOR)
    now = now or timezone.now()
    belongs: dict[str, Any] = {}
    if status not in {Status.QUEUED, Status.CANCELED}:
        belongs |= {"submit_started_at": now}
    if status in {Status.RUNNING, Status.COLLECTING, Status.SUCCEEDED}:
        belongs |= {"prediction_id": uuid4().hex, "submitted_at": now, "expected_seconds": 60.0, "due_at": now}
    if status == Status.SUBMITTING:
        belongs |= {"lease_until": now + timedelta(seconds=60)}
    if status in {Status.COLLECTING, Status.SUCCEEDED}:
        belongs |= {"collecting_at": now, "due_at": None}
    if status == Status.SUCCEEDED:
        belongs |= {"video": "videos/x.mp4", "poster": "posters/x.jpg", "width": 1920, "height": 1080, "duration": 6.0}
        belongs |= {"has_audio": True, "size_bytes": 1000, "sha256": "0" * 64, "finished_at": now}
        billing.settle(job.hold, now=now, by=ACTOR)
    if status in {Status.FAILED, Status.CANCELED}:
        belongs |= {"finished_at": now}
        billing.release(job.hold, now=now, by=ACTOR)
    if status == Status.FAILED:
        belongs |= {"error_code": "provider_failed", "error_message": "WaveSpeed could not make this video."}
    Job.objects.filter(pk=job.pk).update(status=status, **(belongs | fields))
    return Job.objects.select_related("hold", "user").get(pk=job.pk)


def make_fence(job: Job, at: datetime) -> Job:
    """Write what stays of a submission that began then."""
    Job.objects.filter(pk=job.pk).update(submit_started_at=at)
    JobEvent.objects.create(job=job, at=at, from_status=Status.QUEUED, to_status=Status.SUBMITTING, actor="worker")
    return job


def make_upload(user: User | None = None, *, kind: Upload.Kind = Upload.Kind.IMAGE, **fields: Any) -> Upload:
    """Make the row of an upload, without a file."""
    belongs = {"content_type": "image/png", "width": 640, "height": 480, "name": "fox.png"}
    if kind == Upload.Kind.VIDEO:
        belongs = {"content_type": "video/mp4", "width": 1280, "height": 720, "seconds": 6.0, "name": "fox.mp4"}
    row = {"user": user or make_user(), "size_bytes": 1000, "sha256": "0" * 64, "created_at": timezone.now()}
    return Upload.objects.create(kind=kind, **(row | belongs | fields))


def expire_all_grants(now: datetime) -> int:
    """End all grants whose time is over, as the watcher does, and return how many."""
    return sum(billing.expire_grants(period, now) for period in billing.with_grants_over(now))
