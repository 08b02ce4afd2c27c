"""ENGINE ``audits.postgres``: Django's PostgreSQL backend; an opening travels with the first statement."""
