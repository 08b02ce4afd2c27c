"""The addresses of the trail, under /api/v1/; ``published`` is what log clients follow, under /tlog/."""

from django.urls import path

from audits.api import erasures, exporting, tiles, trail

urlpatterns = [
    path("trail/entries", trail.Entries.as_view(), name="trail-entries"),
    path("trail/entries/<int:index>", trail.EntryByIndex.as_view(), name="trail-entry"),
    path("trail/entries/<int:index>/proof", trail.EntryProof.as_view(), name="trail-proof"),
    path("trail/receipts/<uuid:act_id>", trail.ReceiptOfAct.as_view(), name="trail-receipt"),
    path("trail/receipts/<uuid:act_id>/proof", trail.ReceiptProof.as_view(), name="trail-receipt-proof"),
    path("trail/feed", exporting.Feed.as_view(), name="trail-feed"),
    path("trail/erasures", erasures.Erasures.as_view(), name="trail-erasures"),
    path("exports/<str:name>", exporting.Export.as_view(), name="export"),
    path("trail/checkpoint", trail.NewestCheckpoint.as_view(), name="trail-checkpoint"),
]

published = [
    path("checkpoint", tiles.checkpoint, name="tlog-checkpoint"),
    path("tile/<path:path>", tiles.tile, name="tlog-tile"),
]
