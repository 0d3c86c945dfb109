from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from generation.api import errors, views

v1 = [
    path("jobs", views.Jobs.as_view(), name="jobs"),
    path("jobs/<uuid:job_id>", views.OneJob.as_view(), name="job"),
    path("jobs/<uuid:job_id>/cancel", views.Cancel.as_view(), name="job-cancel"),
    path("jobs/<uuid:job_id>/video", views.Video.as_view(), name="job-video"),
    path("jobs/<uuid:job_id>/poster", views.Poster.as_view(), name="job-poster"),
    path("quotes", views.Quotes.as_view(), name="quotes"),
    path("models", views.Models.as_view(), name="models"),
    path("usage", views.Usage.as_view(), name="usage"),
]

urlpatterns = [
    path("v1/", include((v1, "api"))),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path(r"^(?P<path>.*)$", errors.not_found),
]
