"""Uploads: pictures and videos to make videos from."""

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from generation import services
from generation.api.answers import answers, location
from generation.api.forms import sent_in
from generation.api.lists import UploadCursor
from generation.api.parsers import FileParser
from generation.api.schema import UPLOAD_FORM, BodySchema
from generation.api.serializers import UploadSerializer
from generation.models import Upload


class OwnUploads(GenericAPIView[Upload]):
    """Sees the uploads of the caller and no others, nor those that are deleted."""

    serializer_class = UploadSerializer
    queryset = Upload.objects.filter(deleted_at__isnull=True)

    def get_queryset(self) -> QuerySet[Upload]:
        """Return the caller's uploads."""
        return super().get_queryset().filter(user=self.request.user.pk)

    def upload(self, upload_id: UUID) -> Upload:
        """Return the caller's upload of this id, or 404."""
        return get_object_or_404(self.get_queryset(), pk=upload_id)


class Uploads(ListModelMixin, OwnUploads):
    """All uploads of the caller."""

    schema = BodySchema()
    parser_classes = (FileParser,)
    pagination_class = UploadCursor

    @extend_schema(operation_id="uploads_list", responses=answers({200: UploadSerializer(many=True)}, 400))
    def get(self, request: Request) -> Response:
        """List the uploads, newest first; one that no job uses goes after a day."""
        return self.list(request)

    @extend_schema(
        operation_id="uploads_create",
        request={"multipart/form-data": UPLOAD_FORM},
        responses=answers({201: UploadSerializer}, 400, 403, 409, 413, 415),
        parameters=[location(201)],
    )
    def post(self, request: Request) -> Response:
        """Keep a picture or a video, to be named by its id in jobs."""
        upload = sent_in(request).keep(request.user)  # type: ignore[arg-type]  # IsAuthenticated: never anonymous
        headers = {"Location": reverse("api:upload", [upload.pk], request=request)}
        return Response(self.get_serializer(upload).data, status=status.HTTP_201_CREATED, headers=headers)


class OneUpload(OwnUploads):
    """One upload of the caller."""

    @extend_schema(operation_id="uploads_retrieve", responses=answers({200: UploadSerializer}, 404))
    def get(self, request: Request, upload_id: UUID) -> Response:
        """Show what was found in it."""
        return Response(self.get_serializer(self.upload(upload_id)).data)

    @extend_schema(operation_id="uploads_delete", responses=answers({204: None}, 403, 404, 409))
    def delete(self, request: Request, upload_id: UUID) -> Response:
        """Delete it, unless a job that waits to be sent needs it."""
        services.delete_upload(self.upload(upload_id).pk)
        return Response(status=status.HTTP_204_NO_CONTENT)
