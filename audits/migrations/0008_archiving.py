"""Finds the acts that archived segments, which every reader of an entry without a body asks for."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audits", "0007_erasure")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX audits_act_archived ON audits_act (at) WHERE kind = 'audits.segment.archived'",
            "DROP INDEX audits_act_archived",
        ),
    ]
