"""Results of verifications, and how one that somebody asked for comes on."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audits", "0008_archiving"),
    ]

    operations = [
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("ok", models.BooleanField()),
                (
                    "since",
                    models.BigIntegerField(
                        help_text="Entries taken over from the verification before; 0 for a full one."
                    ),
                ),
                ("entries", models.BigIntegerField()),
                ("pending", models.BigIntegerField(help_text="Acts that were no entries yet.")),
                ("differences", models.BigIntegerField()),
                (
                    "checkpoint",
                    models.TextField(blank=True, help_text="The newest signed checkpoint that it verified."),
                ),
                ("report_digest", models.CharField(max_length=64)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="VerificationRun",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.TextField()),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
                ("number", models.IntegerField(default=0, help_text="The step that it is at.")),
                ("steps", models.IntegerField(default=0)),
                ("step", models.TextField(blank=True)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(null=True)),
                ("problem", models.TextField(blank=True)),
                (
                    "result",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audits.verification",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
    ]
