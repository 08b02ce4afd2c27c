"""Django's PostgreSQL backend, with a server that is started when the first connection is opened."""
