"""The addresses of the registry, under /api/v1/."""

from django.urls import path

from registry.api import assessments, datasets, models
from registry.api.deployments import deployments
from registry.api.predictions import predictions

VERSION = "models/<str:name>/versions/<int:number>"

urlpatterns = [
    path("models", models.Models.as_view(), name="models"),
    path("models/<str:name>", models.Model.as_view(), name="model"),
    path("models/<str:name>/versions", models.Versions.as_view(), name="versions"),
    path(VERSION, models.Version.as_view(), name="version"),
    path(f"{VERSION}/assessments", assessments.Assessments.as_view(), name="assessments"),
    path(f"{VERSION}/evidence", assessments.EvidenceOfVersion.as_view(), name="evidence-of-version"),
    path(f"{VERSION}/predictions", predictions, name="predictions"),
    path("datasets", datasets.Datasets.as_view(), name="datasets"),
    path("datasets/<str:name>/versions/<int:number>", datasets.Dataset.as_view(), name="dataset"),
    path("intakes/<uuid:pk>", datasets.IntakeStatus.as_view(), name="intake"),
    path("environments", datasets.Environments.as_view(), name="environments"),
    path("assessments/<uuid:pk>", assessments.AssessmentStatus.as_view(), name="assessment"),
    path("evidence/<str:digest>", assessments.EvidenceByDigest.as_view(), name="evidence"),
    path("evidence/<str:digest>/record", assessments.EvidenceRecord.as_view(), name="evidence-record"),
    path("evidence/<str:digest>/figures/<str:figure>", assessments.EvidenceFigure.as_view(), name="evidence-figure"),
    path("deployments", deployments, name="deployments"),
]
