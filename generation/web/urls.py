"""The addresses of the pages."""

from django.urls import URLPattern, URLResolver, include, path

from generation.web import deleting, gallery, jobs, mails, retakes, studio, uploads
from generation.web.usage import views as usage

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("generation.web.frame_urls")),
    path("", studio.studio, name="studio"),
    path("studio/offer", studio.offer, name="offer"),
    path("studio/upload", studio.upload, name="upload"),
    path("uploads/<uuid:upload_id>", uploads.file, name="upload-file"),
    path("jobs/pulse", jobs.pulse, name="pulse"),
    path("videos/<uuid:job_id>/", jobs.job, name="job"),
    path("videos/<uuid:job_id>/cancel", jobs.cancel, name="job-cancel"),
    path("videos/<uuid:job_id>/retry", jobs.retry, name="job-retry"),
    path("videos/<uuid:job_id>/retake/", retakes.retake, name="job-retake"),
    path("videos/<uuid:job_id>/delete/", deleting.delete, name="job-delete"),
    path("gallery/", gallery.gallery, name="gallery"),
    path("accounts/mails/", mails.mails, name="mails"),
    path("usage/", usage.usage, name="usage"),
    path("usage/lines.csv", usage.lines_as_csv, name="usage-lines"),
]
