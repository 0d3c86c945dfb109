"""The picture or video that a form names: looked up once, its owner's only, as it is priced and shown."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from billing.models import User
from generation import services
from generation.catalog import Kind, Parameter
from generation.models import Job, Status, Upload
from generation.spec import Media
from generation.templatetags.clapboard import file_size
from generation.web.forms import SOURCE_JOB, WishForm
from generation.web.wording import headline

ACCEPTED = {
    Kind.IMAGE: "image/png,image/jpeg,image/webp",
    Kind.VIDEO: "video/mp4,video/quicktime,video/webm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A stored file that the chosen model is given."""

    row: Job | Upload

    @property
    def media(self) -> Media:
        """What a spec sees of it."""
        row = self.row
        return services.media_of_job(row) if isinstance(row, Job) else services.media_of_upload(row)

    @property
    def field(self) -> str:
        """The hidden field that carries its id."""
        return self.media.given_as

    @property
    def name(self) -> str:
        """What it is called."""
        return headline(self.row.prompt) if isinstance(self.row, Job) else self.row.name

    @property
    def facts(self) -> str:
        """What was measured of it."""
        row = self.row
        length = f"{self.media.seconds:.1f} s · " if self.media.seconds else ""
        return f"{length}{row.width}×{row.height} · {file_size(row.size_bytes)}"

    @property
    def picture(self) -> str:
        """Address of a picture of it; empty where there is none."""
        if isinstance(self.row, Job):
            return reverse("api:job-poster", args=[self.row.pk])
        return reverse("upload-file", args=[self.row.pk]) if self.row.kind == Upload.Kind.IMAGE else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaField:
    """The field for a file, with what was chosen in it."""

    parameter: Parameter
    source: Source | None
    error: str

    @property
    def file_name(self) -> str:
        """What the file itself is sent as; its id goes by the parameter's name."""
        return f"{self.parameter.name}_file"

    @property
    def accept(self) -> str:
        """What a browser's dialog shows."""
        return ACCEPTED[self.parameter.kind]

    @property
    def most(self) -> int:
        """Bytes that it may have."""
        is_picture = self.parameter.kind is Kind.IMAGE
        return int(settings.UPLOAD_IMAGE_BYTES if is_picture else settings.UPLOAD_VIDEO_BYTES)

    @property
    def limits(self) -> str:
        """What is taken, for people."""
        if self.parameter.kind is Kind.IMAGE:
            return f"PNG, JPEG or WebP, at most {file_size(self.most)}."
        return f"MP4, MOV or WebM, at most {file_size(self.most)} and {settings.UPLOAD_VIDEO_SECONDS:g} s."


def source_of(user: User, form: WishForm) -> Source | None:
    """Return what the form names for the chosen model; None where it names nothing that is there."""
    parameter = form.model.media
    if parameter is None:
        return None
    if parameter.kind is Kind.VIDEO and (job_id := _id(form.sent.get(SOURCE_JOB, ""))):
        job = Job.objects.kept().filter(pk=job_id, user=user, status=Status.SUCCEEDED).first()
        return Source(row=job) if job else None
    upload_id = _id(form.sent.get(parameter.name, ""))
    own = Upload.objects.filter(user=user, deleted_at__isnull=True, kind=str(parameter.kind))
    upload = own.filter(pk=upload_id).first() if upload_id else None
    return Source(row=upload) if upload else None


def media_field(form: WishForm, source: Source | None) -> MediaField | None:
    """Return the field for a file; None where the chosen family takes none."""
    if form.media is None:
        return None
    return MediaField(parameter=form.media, source=source, error=form.complaint(form.media.name))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
