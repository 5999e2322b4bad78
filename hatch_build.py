"""What the package's page on an index says: the README with links that lead somewhere, and the project's addresses.

Both depend on where the repository is, which REPOSITORY_URL says when a release is built (``make release``). Without it
the README stays as it is, so that everybody can build from a copy of the files.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<before>\]\()(?!https?:|#|mailto:)(?P<path>[^)\s]+)")
_PICTURE = re.compile(r'(?P<before>\b(?:src|srcset)=")(?!https?:)(?P<path>[^"]+)')
_SHOWN = re.compile(r"\.(?:png|gif|svg|jpg)$")


class PublishedMetadata(MetadataHookInterface):
    """Completes the metadata of pyproject.toml; hatchling finds the class by its base."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the fields ``readme`` and ``urls``."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository = os.environ.get("REPOSITORY_URL", "").rstrip("/")
        metadata["urls"] = {}
        if repository:
            ref = f"v{metadata['version']}" if re.fullmatch(r"[\d.]+", metadata["version"]) else "HEAD"
            readme = absolute(readme, repository, ref)
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{repository}/blob/{ref}/docs/README.md",
                "Changelog": f"{repository}/blob/{ref}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}


def absolute(readme: str, repository: str, ref: str) -> str:
    """Return a README whose links to files of the repository hold wherever it is read.

    Args:
        readme: The text, in Markdown, with ``<picture>`` in HTML.
        repository: The repository's address.
        ref: The tag or branch whose files are meant.
    """

    def address(found: re.Match[str]) -> str:
        # A page shows a file as it is only under "raw".
        kind = "raw" if _SHOWN.search(found["path"]) else "blob"
        return f"{found['before']}{repository}/{kind}/{ref}/{found['path']}"

    return _PICTURE.sub(address, _LINK.sub(address, readme))
