"""Every table is governed, or on the list of those that are not with the reason why."""

import pytest
from django.apps import apps
from django.db import models

from audits.models import Governed
from audits.trail.governed import ADOPTED, UNGOVERNED, governed_tables, why_ungoverned

MODELS = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_model_is_governed_or_says_why_not_and_never_both(model: type[models.Model]) -> None:
    governed = model._meta.db_table in {found.table for found in governed_tables()}
    assert governed != (why_ungoverned(model) is not None)


def test_the_lists_name_only_models_that_exist() -> None:
    labels = {model._meta.label for model in MODELS}
    apps_ = {f"{model._meta.app_label}.*" for model in MODELS}
    assert set(ADOPTED) <= labels
    assert set(UNGOVERNED) <= labels | apps_


@pytest.mark.parametrize("model", [m for m in MODELS if issubclass(m, Governed)], ids=lambda m: m._meta.label)
def test_captures_name_columns_that_exist(model: type[Governed]) -> None:
    columns = {field.column for field in model._meta.concrete_fields}
    capture = model.capture
    for named in (capture.personal, capture.secret, capture.files, capture.file_lists):
        assert named <= columns
    assert not capture.personal & capture.secret
