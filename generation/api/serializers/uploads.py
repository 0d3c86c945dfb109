"""Uploads, as they go out."""

from rest_framework import serializers

from generation.models import Upload


class UploadSerializer(serializers.Serializer[Upload]):
    """A picture or video that was sent, as measured."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Upload.Kind.choices)
    name = serializers.CharField(help_text="As its sender called it.")
    content_type = serializers.CharField(help_text="Found by its first bytes.")
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    seconds = serializers.SerializerMethodField()
    has_audio = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_seconds(self, upload: Upload) -> float | None:
        """Return the length of the picture track; None for a picture."""
        return upload.seconds if upload.kind == Upload.Kind.VIDEO else None

    def get_has_audio(self, upload: Upload) -> bool | None:
        """Say whether there is a sound track; None for a picture."""
        return upload.has_audio if upload.kind == Upload.Kind.VIDEO else None
