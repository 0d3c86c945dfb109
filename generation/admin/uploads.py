"""Pictures and videos that users sent: what they are, not what they show."""

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from unfold.paginator import InfinitePaginator

from billing.desk import ReadOnly, display
from generation.models import Upload


@admin.register(Upload)
class UploadsAdmin(ReadOnly):
    """Uploads. Their owners delete them; what nobody uses goes by itself after a day."""

    paginator = InfinitePaginator
    list_display = ("name", "kind", "user", "size", "pixels", "created_at", "deleted_at")
    list_filter = ("kind", "created_at")
    list_select_related = ("user",)
    search_fields = ("id__exact", "user__email", "name")
    exclude = ("file",)

    @display(description="Size", ordering="size_bytes")
    def size(self, upload: Upload) -> str:
        """Return how large it is."""
        return filesizeformat(upload.size_bytes)

    @display(description="Picture")
    def pixels(self, upload: Upload) -> str:
        """Return its width and height, and the length of a video."""
        length = f", {upload.seconds:g} s" if upload.kind == Upload.Kind.VIDEO else ""
        return f"{upload.width}×{upload.height}{length}"
