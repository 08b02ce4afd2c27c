"""The main job, end to end, on real data: a model goes from training to a countersigned permit and a PDF dossier.

It plays every role through the services and the HTTP API. It never runs in production and fakes no measurement.
"""
