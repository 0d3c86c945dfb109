"""The addresses of the pages."""

from django.urls import URLPattern, URLResolver, include, path

from generation.web import gallery, jobs, studio, usage

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("generation.web.frame_urls")),
    path("", studio.studio, name="studio"),
    path("studio/offer", studio.offer, name="offer"),
    path("jobs/pulse", jobs.pulse, name="pulse"),
    path("videos/<uuid:job_id>/", jobs.job, name="job"),
    path("videos/<uuid:job_id>/cancel", jobs.cancel, name="job-cancel"),
    path("gallery/", gallery.gallery, name="gallery"),
    path("usage/", usage.usage, name="usage"),
]
