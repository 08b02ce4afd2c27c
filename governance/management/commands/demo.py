"""The main job, end to end, on real data of the project's or of the user's."""

from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audits.errors import DomainError


class Command(BaseCommand):
    help = (
        "Register, assess, review and approve a model, be denied and then allowed by the gate, print the dossier and "
        "verify the proof. Without --data: scikit-learn's diabetes study."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, metavar="FILE", help="your own table, CSV or Parquet")
        parser.add_argument("--target", metavar="COL", help="the column to predict")
        parser.add_argument("--positive", metavar="VALUE", help="the value of the target that counts as positive")
        parser.add_argument("--sensitive", metavar="COL,COL", help="columns whose groups are compared")
        parser.add_argument("--predictions", metavar="COL", default="", help="audit this column, train nothing")
        parser.add_argument("--threshold", type=float, metavar="X", help="score from which a prediction is positive")
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help="where files go (default: demo/ in the data directory)"
        )

    def handle(self, *args: object, **options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo makes people and models up; it does not run with COUNTERSIGN_PRODUCTION set.")
        from governance.demo.tables import diabetes_study, study_of_file
        from governance.demo.telling import Teller
        from governance.demo.walk import closing_words, walk

        data, target, positive = options["data"], options["target"], options["positive"]
        sensitive = [part.strip() for part in str(options["sensitive"] or "").split(",") if part.strip()]
        teller = Teller()
        try:
            if data is None:
                if any(options[name] for name in ("target", "positive", "sensitive", "predictions", "threshold")):
                    raise CommandError(
                        "--target, --positive, --sensitive, --predictions and --threshold go with --data."
                    )
                study = diabetes_study()
            else:
                if not (target and positive is not None and sensitive):
                    raise CommandError("--data needs --target COL, --positive VALUE and --sensitive COL,COL as well.")
                threshold = options["threshold"]
                study = study_of_file(
                    Path(str(data)),
                    target=str(target),
                    positive=str(positive),
                    sensitive=sensitive,
                    predictions=str(options["predictions"]),
                    threshold=float(str(threshold)) if threshold is not None else None,
                )
            out = Path(str(options["out"] or settings.DATA_DIR / "demo")).absolute()
            out.mkdir(parents=True, exist_ok=True)
            outcome = walk(study, out, teller)
        except DomainError as error:
            raise CommandError(error.message) from None
        except OSError as error:
            raise CommandError(f"{error.strerror}: {error.filename}") from None
        self.stdout.write("\n" + closing_words(outcome, teller.seconds()))
