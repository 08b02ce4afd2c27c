"""The addresses of governance, under /api/v1/."""

from django.urls import path

from governance.api import bundles, decisions, dossiers, past, review, tokens

VERSION = "models/<str:name>/versions/<int:number>"

urlpatterns = [
    path("decisions", decisions.decisions, name="decisions"),
    path("decisions/latest", decisions.LatestDecision.as_view(), name="latest-decision"),
    path("decisions/<uuid:pk>", decisions.DecisionById.as_view(), name="decision"),
    path("decisions/<uuid:pk>/permit", decisions.PermitOfDecision.as_view(), name="permit"),
    path("policies/<str:digest>", decisions.PolicyByDigest.as_view(), name="policy"),
    path("environments/<str:name>/running", past.RunningInEnvironment.as_view(), name="running"),
    path("models/<str:name>/everything", past.EverythingAboutModel.as_view(), name="everything"),
    path(f"{VERSION}/standing", decisions.StandingOfVersion.as_view(), name="standing"),
    path(f"{VERSION}/checklist", review.ChecklistOfVersion.as_view(), name="checklist"),
    path(f"{VERSION}/answers/<str:question>", review.Answer.as_view(), name="answer"),
    path(f"{VERSION}/sign-offs", review.SignOffs.as_view(), name="sign-offs"),
    path(f"{VERSION}/approvals", review.Approvals.as_view(), name="approvals"),
    path(f"{VERSION}/risk-acceptances", review.RiskAcceptances.as_view(), name="risk-acceptances"),
    path(f"{VERSION}/dossiers", dossiers.Dossiers.as_view(), name="dossiers"),
    path(f"{VERSION}/bundle", dossiers.Bundle.as_view(), name="bundle"),
    path("dossier-orders/<uuid:pk>", dossiers.OrderStatus.as_view(), name="dossier-order"),
    path("dossiers/<uuid:pk>", dossiers.DossierById.as_view(), name="dossier"),
    path("dossiers/<uuid:pk>/pdf", dossiers.DossierPdf.as_view(), name="dossier-pdf"),
    path("trail/bundle", bundles.TrailBundle.as_view(), name="trail-bundle"),
    path("tokens", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<uuid:pk>/revoke", tokens.TokenRevocation.as_view(), name="token-revocation"),
]
