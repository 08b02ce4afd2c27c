"""Issues an API token from the command line, for an account that exists; the token alone goes to standard output."""

from argparse import ArgumentParser
from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audits.errors import DomainError
from audits.models import User
from audits.trail import Actor
from governance.services.tokens import issue_token


class Command(BaseCommand):
    help = "Issue an API token for an account. It is shown once and stored nowhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="the account's user name")
        parser.add_argument("--scope", action="append", required=True, help="a permission; may be given several times")
        parser.add_argument("--days", type=int, default=30, help="valid for so many days (default 30, at most 366)")
        parser.add_argument("--name", default="command line")

    def handle(self, *args: object, **options: object) -> None:
        account = User.objects.filter(username=options["account"]).first()
        if account is None:
            names = ", ".join(User.objects.order_by("username").values_list("username", flat=True)[:20])
            raise CommandError(f"There is no account {options['account']}. There are: {names or 'none'}.")
        scopes = options["scope"]
        try:
            issued = issue_token(
                actor=Actor.system("operator", via="command"),
                account=account,
                name=str(options["name"]),
                scopes=[str(scope) for scope in scopes] if isinstance(scopes, list) else [],
                expires_at=timezone.now() + timedelta(days=int(str(options["days"]))),
                reason="Issued from the command line.",
            )
        except DomainError as error:
            raise CommandError(error.message) from None
        self.stdout.write(issued.secret)
