"""Django's file storage on a local folder, made atomic: a name either holds all of its bytes or does not exist."""

import os
import secrets
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible


@deconstructible(path="audits.artifacts.local.AtomicFileSystemStorage")
class AtomicFileSystemStorage(FileSystemStorage):
    """Writes aside, syncs, and links into place; an existing name is kept as it is."""

    def _save(self, name: str, content: "File[bytes]") -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with aside.open("xb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            aside.chmod(0o440)
            try:
                os.link(aside, target)
            except FileExistsError:
                return name
        finally:
            aside.unlink(missing_ok=True)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name itself: names are digests, so the same name is the same bytes."""
        return name
