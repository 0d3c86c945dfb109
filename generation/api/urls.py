from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation

from generation.api import errors
from generation.api.views import jobs, ledger, prices, uploads

v1 = [
    path("jobs", jobs.Jobs.as_view(), name="jobs"),
    path("jobs/<uuid:job_id>", jobs.OneJob.as_view(), name="job"),
    path("jobs/<uuid:job_id>/cancel", jobs.Cancel.as_view(), name="job-cancel"),
    path("jobs/<uuid:job_id>/retry", jobs.Retry.as_view(), name="job-retry"),
    path("jobs/<uuid:job_id>/video", jobs.Video.as_view(), name="job-video"),
    path("jobs/<uuid:job_id>/poster", jobs.Poster.as_view(), name="job-poster"),
    path("uploads", uploads.Uploads.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>", uploads.OneUpload.as_view(), name="upload"),
    path("quotes", prices.Quotes.as_view(), name="quotes"),
    path("models", prices.Models.as_view(), name="models"),
    path("usage", prices.Usage.as_view(), name="usage"),
    path("ledger", ledger.Ledger.as_view(), name="ledger"),
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
