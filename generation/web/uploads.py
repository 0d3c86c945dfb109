"""What users sent, shown to themselves: the pictures that videos begin with."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.files.storage import FileSystemStorage
from django.http import FileResponse, Http404, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from generation.models import Upload
from generation.web.pages import UserRequest

_SIGNED_FOR = 300  # seconds


@login_required
@require_safe
def file(request: UserRequest, upload_id: UUID) -> HttpResponseBase:
    """Answer with a picture of the caller's; 404 for anything else. Its type is the one that was found in it."""
    own = Upload.objects.filter(user=request.user, deleted_at__isnull=True, kind=Upload.Kind.IMAGE)
    stored = get_object_or_404(own, pk=upload_id)
    if not isinstance(stored.file.storage, FileSystemStorage):
        address = stored.file.storage.url(stored.file.name, expire=_SIGNED_FOR, http_method=request.method)
        return HttpResponseRedirect(address)
    try:
        response = FileResponse(stored.file.open("rb"), content_type=stored.content_type)
    except FileNotFoundError:
        raise Http404 from None
    response["X-Content-Type-Options"] = "nosniff"
    patch_cache_control(response, private=True, max_age=3600)
    return response
