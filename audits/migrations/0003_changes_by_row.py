"""Finds the changes of one row: for the entries about a thing, and for looking back."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audits", "0002_trail")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX audits_change_row ON audits_change (tbl, key, n)", "DROP INDEX audits_change_row"
        ),
    ]
