"""The content store: files by their SHA-256, streamed, never overwritten."""
