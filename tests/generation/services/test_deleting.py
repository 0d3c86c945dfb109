"""Deleting: the row stays, the files go after the commit, and what is needed can't go."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import OperationalError
from django.utils import timezone

from billing.models import LedgerEntry
from generation import services
from generation.models import FINAL, Job, JobEvent, Status, Upload
from generation.services import deleting
from generation.spec import InvalidSpec
from tests.generation.services.test_leases import Killed
from tests.make import ACTOR, make_job, make_upload
from tests.media import make_upload as send_upload

pytestmark = pytest.mark.django_db


def stored_job(user, **fields) -> Job:
    job = make_job(user, status=Status.SUCCEEDED, **fields)
    video, poster = f"videos/{job.pk}.mp4", f"posters/{job.pk}.jpg"
    for name in (video, poster):
        default_storage.save(name, ContentFile(b"x"))
    Job.objects.filter(pk=job.pk).update(video=video, poster=poster)
    job.refresh_from_db()
    return job


def stored_upload(user, **fields) -> Upload:
    upload = make_upload(user, **fields)
    upload.file = default_storage.save(f"uploads/{upload.pk}.mp4", ContentFile(b"x"))
    upload.save()
    return upload


def retake_of(source: Job | Upload) -> Job:
    wish = {"model": "ltx-2-retake", "prompt": "blue"}
    named = {"source_job": str(source.pk)} if isinstance(source, Job) else {"video": str(source.pk)}
    return services.create(source.user, services.spec_of(source.user, wish | named), by=ACTOR)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_an_ended_job_is_deleted_and_its_row_stays(alice, status):
    job = make_job(alice, status=status)
    entries = LedgerEntry.objects.count()
    services.delete(job.pk, by=ACTOR)
    job.refresh_from_db()
    assert (job.status, job.prompt, job.deleted_at is None) == (status, "A red fox in snow", False)
    assert (job.video.name, job.poster.name) == ("", "")
    assert not Job.objects.kept().exists()
    assert LedgerEntry.objects.count() == entries
    assert JobEvent.objects.latest("pk").note == "Deleted."


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL))
def test_what_is_under_way_is_not_deleted(alice, status):
    job = make_job(alice, status=status)
    with pytest.raises(services.NotDeletable, match=f"The job is {status}"):
        services.delete(job.pk, by=ACTOR)
    assert Job.objects.kept().count() == 1


def test_the_files_go(alice):
    job = stored_job(alice)
    names = [job.video.name, job.poster.name]
    services.delete(job.pk, by=ACTOR)
    assert not any(default_storage.exists(name) for name in names)


def test_deleting_twice_is_deleting_once(alice):
    job = stored_job(alice)
    services.delete(job.pk, by=ACTOR)
    services.delete(job.pk, by=ACTOR)
    assert JobEvent.objects.filter(note="Deleted.").count() == 1


def test_the_sweep_removes_the_files_of_whoever_was_killed(alice, monkeypatch):
    job, upload = stored_job(alice), stored_upload(alice)

    def killed(of):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(deleting, "remove_files", killed)
        with pytest.raises(Killed):
            services.delete(job.pk, by=ACTOR)
        with pytest.raises(Killed):
            services.delete_upload(upload.pk)
    assert default_storage.exists(job.video.name)
    assert services.remove_what_is_left() == 2
    assert not any(default_storage.exists(name) for name in (job.video.name, job.poster.name, upload.file.name))
    assert services.remove_what_is_left() == 0


def make_undeletable(name: str) -> Path:
    """Put a folder with something in it where a file should be: our storage does not give that up."""
    folder = Path(default_storage.path(name))
    folder.unlink()
    folder.mkdir()
    (folder / "x").write_bytes(b"x")
    return folder


def test_what_the_storage_does_not_give_up_is_deleted_all_the_same_and_goes_later(alice):
    job, upload, other = stored_job(alice), stored_upload(alice), stored_job(alice)
    folders = [make_undeletable(job.video.name), make_undeletable(upload.file.name)]
    services.delete(job.pk, by=ACTOR)
    services.delete_upload(upload.pk)
    Job.objects.filter(pk=other.pk).update(deleted_at=timezone.now())
    assert services.remove_what_is_left() == 1
    assert not default_storage.exists(other.video.name)
    assert Job.objects.get(pk=job.pk).video
    assert not Job.objects.kept().exists()
    for folder in folders:
        (folder / "x").unlink()
    assert services.remove_what_is_left() == 2
    assert not any(folder.exists() for folder in folders)


def test_a_storage_that_is_slow_to_refuse_holds_up_a_worker_for_a_minute_at_most(alice, monkeypatch):
    for _ in range(4):
        job = stored_job(alice)
        make_undeletable(job.video.name)
        Job.objects.filter(pk=job.pk).update(deleted_at=timezone.now())
    tried = []
    remove_files = deleting.remove_files
    monkeypatch.setattr(deleting, "remove_files", lambda of: tried.append(of) or remove_files(of))
    monkeypatch.setattr(deleting, "monotonic", lambda: 30.0 * len(tried))
    assert services.remove_what_is_left() == 0
    assert len(tried) == 2


@pytest.mark.parametrize("what", ["video", "upload", "failed"])
def test_files_that_are_slow_to_be_refused_come_behind_all_others(alice, monkeypatch, what):
    now, tried = timezone.now(), []
    if what == "upload":
        good = stored_upload(alice)
        Upload.objects.update(deleted_at=now)
        name = good.file.name
    else:
        good = stored_job(alice)
        name = good.video.name
    for _ in range(2):
        bad = stored_job(alice)
        make_undeletable(bad.video.name)
    Job.objects.update(deleted_at=now)
    if what == "failed":
        failed = {"status": Status.FAILED, "collecting_at": now, "video": "", "poster": "", "deleted_at": None}
        Job.objects.filter(pk=good.pk).update(**failed)
    delete = FileSystemStorage.delete
    monkeypatch.setattr(FileSystemStorage, "delete", lambda self, name: tried.append(name) or delete(self, name))

    for _ in range(2):
        tried.clear()
        monkeypatch.setattr(deleting, "monotonic", lambda: 30.0 * len(tried))
        services.remove_what_is_left()

    assert not default_storage.exists(name)


@pytest.mark.parametrize("status", Status)
def test_a_source_stays_while_a_retake_waits_to_be_sent(alice, status):
    source = stored_job(alice)
    retake = retake_of(source)
    fields = {"finished_at": timezone.now(), "video": "x"} if status == Status.SUCCEEDED else {}
    Job.objects.filter(pk=retake.pk).update(status=status, **fields)
    if status in {Status.QUEUED, Status.SUBMITTING}:
        with pytest.raises(services.InUse, match="A job that waits to be sent still needs it"):
            services.delete(source.pk, by=ACTOR)
        assert default_storage.exists(source.video.name)
    else:
        services.delete(source.pk, by=ACTOR)
        retake.refresh_from_db()
        assert retake.source_job_id == source.pk


def test_an_upload_stays_while_a_job_waits_to_be_sent(alice):
    upload = stored_upload(alice, kind=Upload.Kind.VIDEO)
    job = retake_of(upload)
    with pytest.raises(services.InUse):
        services.delete_upload(upload.pk)
    services.cancel(job.pk, by=ACTOR)
    services.delete_upload(upload.pk)
    assert not default_storage.exists(upload.file.name)


def test_nothing_is_made_of_what_was_deleted_meanwhile(alice):
    source, upload = stored_job(alice), stored_upload(alice, kind=Upload.Kind.VIDEO)
    wish = {"model": "ltx-2-retake", "prompt": "blue"}
    specs = [
        services.spec_of(alice, wish | {"source_job": str(source.pk)}),
        services.spec_of(alice, wish | {"video": str(upload.pk)}),
    ]
    services.delete(source.pk, by=ACTOR)
    services.delete_upload(upload.pk)
    for spec in specs:
        with pytest.raises(InvalidSpec, match="has been deleted meanwhile"):
            services.create(alice, spec, by=ACTOR)
    assert LedgerEntry.objects.filter(kind="hold").count() == 1  # that of the source


def test_what_was_deleted_can_not_be_named(alice):
    source, upload = stored_job(alice), stored_upload(alice)
    services.delete(source.pk, by=ACTOR)
    services.delete_upload(upload.pk)
    with pytest.raises(InvalidSpec, match="is not one of your jobs"):
        services.spec_of(alice, {"model": "ltx-2-retake", "prompt": "blue", "source_job": str(source.pk)})
    with pytest.raises(InvalidSpec, match="is not one of your uploads"):
        services.spec_of(alice, {"model": "ltx-2-pro", "prompt": "blue", "image": str(upload.pk)})


def test_an_upload_that_nobody_used_goes_after_a_day(alice):
    old = timezone.now() - timedelta(days=2)
    unused, used, fresh = (
        stored_upload(alice, created_at=old),
        stored_upload(alice, created_at=old),
        stored_upload(alice),
    )
    services.create(
        alice, services.spec_of(alice, {"model": "ltx-2-pro", "prompt": "x", "image": str(used.pk)}), by=ACTOR
    )
    services.remove_what_is_left()
    assert set(Upload.objects.filter(deleted_at__isnull=True)) == {used, fresh}
    assert not default_storage.exists(unused.file.name)


def test_a_file_whose_last_commit_got_no_answer_stays_with_its_row(alice, monkeypatch):
    save = Upload.save

    def lose_the_answer(self, **kwargs):
        save(self, **kwargs)
        if "update_fields" in kwargs:
            raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(Upload, "save", lose_the_answer)
        with pytest.raises(OperationalError):
            send_upload(alice)
    upload = Upload.objects.get()
    assert upload.deleted_at is None
    assert default_storage.exists(upload.file.name)


def test_a_file_that_is_refused_by_a_storage_that_gives_nothing_up_is_left_to_the_sweep(alice, monkeypatch):
    def refuse(self, name, content):
        raise OSError("no space left")

    def keep_all(self, name):
        raise OSError("read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "save", refuse)
        patch.setattr(FileSystemStorage, "delete", keep_all)
        with pytest.raises(OSError, match="no space left"):
            send_upload(alice)
    assert Upload.objects.get().deleted_at
    assert services.remove_what_is_left() == 1
