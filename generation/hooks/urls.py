"""Where others call us."""

from django.urls import path

from generation.hooks import views

urlpatterns = [path("wavespeed/<uuid:job_id>/<str:token>", views.wavespeed, name="wavespeed_hook")]
