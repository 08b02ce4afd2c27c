"""Finds the wrong passwords of one account at once; the index holds those acts alone and costs the others nothing."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("governance", "0003_permits_and_orders"), ("audits", "0003_changes_by_row")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX audits_act_refused ON audits_act (subject, at)"
            " WHERE kind IN ('governance.session.refused', 'governance.password.refused');",
            "DROP INDEX audits_act_refused;",
        )
    ]
