from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation

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

# For everybody: whoever reads them with a key that has expired reads them all the same.
schema = SpectacularAPIView.as_view(authentication_classes=[], content_negotiation_class=DefaultContentNegotiation)
docs = SpectacularSwaggerSplitView.as_view(authentication_classes=[], url_name="schema")

urlpatterns = [
    path("v1/", include((v1, "api"))),
    path("schema/", schema, name="schema"),
    path("docs/", docs, name="docs"),
    re_path(r"^(?P<path>[\s\S]*)\Z", errors.not_found),
]
