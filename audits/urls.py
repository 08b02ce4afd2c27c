"""The addresses of the trail, under /api/v1/."""

from django.urls import path

from audits.api import trail

urlpatterns = [
    path("trail/entries", trail.Entries.as_view(), name="trail-entries"),
    path("trail/entries/<int:index>", trail.EntryByIndex.as_view(), name="trail-entry"),
    path("trail/entries/<int:index>/proof", trail.EntryProof.as_view(), name="trail-proof"),
    path("trail/receipts/<uuid:act_id>", trail.ReceiptOfAct.as_view(), name="trail-receipt"),
    path("trail/checkpoint", trail.NewestCheckpoint.as_view(), name="trail-checkpoint"),
]
