"""Builds a release into a folder: sdist, wheel and bill of materials, each checked. `make release` runs this.

    python tools/release.py [--out dist] [--trial]

The version is that of the tag on this commit, and CHANGELOG.md must have it with a date. REPOSITORY_URL says where the
repository is, for the links of the package's page. With --trial neither is asked for: what is built is not to be
published.
"""

import argparse
import json
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterable, Mapping, Set
from email.parser import BytesParser
from importlib import metadata
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)\"""")


class NotReleasedError(Exception):
    """Something is missing for a release; the message says what, and what to do."""


def main() -> None:
    """Build, check, and say what there is."""
    parser = argparse.ArgumentParser(description="Build a release: sdist, wheel and bill of materials.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder, which must be empty or not there")
    parser.add_argument("--trial", action="store_true", help="build what is not to be published")
    given = parser.parse_args()
    try:
        wheel = build(given.out)
        version, readme = version_and_readme_of(wheel)
        if not given.trial:
            check(version, readme, (ROOT / "CHANGELOG.md").read_text())
        write_bill(given.out / f"autotune_bo-{version}.cdx.json", version)
    except NotReleasedError as error:
        sys.exit(f"No release: {error}")
    print(*sorted(path.name for path in given.out.iterdir()), sep="\n")


def build(out: Path, root: Path = ROOT) -> Path:
    """Build sdist and wheel of a folder, the wheel out of the sdist, and return the wheel."""
    if out.exists() and any(out.iterdir()):
        raise NotReleasedError(f"{out} is not empty: move away what is in it")
    _run("build", "--no-isolation", "--outdir", str(out), str(root))
    [wheel], [sdist] = out.glob("*.whl"), out.glob("*.tar.gz")
    _run("twine", "check", "--strict", str(wheel), str(sdist))
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = {"LICENSE", "CHANGELOG.md", "pyproject.toml", "service/autotune_wire/py.typed"} - names
    if missing:
        raise NotReleasedError(f"{sdist.name} lacks {', '.join(sorted(missing))}")
    return wheel


def version_and_readme_of(wheel: Path) -> tuple[str, str]:
    """Return the version of a wheel, and the text of its page on an index."""
    with ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        fields = BytesParser().parsebytes(archive.read(name))
    text = fields.get_payload(decode=True)
    assert isinstance(text, bytes), "one text and no parts"
    return fields["Version"], text.decode()


def check(version: str, readme: str, changelog: str) -> None:
    """Check what a published version needs.

    Raises:
        NotReleasedError: If the commit has no tag, the changelog no dated section, or a link of the page no address.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise NotReleasedError(f"the version is {version}: tag this commit, as in v1.2.3, and have no other changes")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        raise NotReleasedError(f"CHANGELOG.md has no section `## [{version}] - YEAR-MONTH-DAY`")
    relative = [link for link in relative_links(readme) if not link.startswith("#")]
    if relative:
        raise NotReleasedError(
            f"the package's page has {len(relative)} links that lead nowhere on an index, such as {relative[0]}: set "
            "REPOSITORY_URL to the repository's address"
        )


def relative_links(readme: str) -> list[str]:
    """Return the links and pictures of a page that are no addresses."""
    links = [path or source for path, source in _LINK.findall(readme)]
    return [link for link in links if not re.match(r"https?://|mailto:", link)]


def write_bill(file: Path, version: str) -> None:
    """Write the bill of materials: what this environment has of what the package and its extras need."""
    made = _run(
        "cyclonedx_py", "environment", sys.executable, "--pyproject", str(ROOT / "pyproject.toml"), "--of", "JSON",
        "--output-reproducible",
    )  # fmt: skip
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [project["dependencies"], *project["optional-dependencies"].values()]
    bill = only(json.loads(made), needed(Requirement(text) for texts in listed for text in texts))
    bill["metadata"]["component"]["version"] = version
    file.write_text(json.dumps(bill, indent=2) + "\n")


def needed(requirements: Iterable[Requirement]) -> set[str]:
    """Return the packages of this environment that requirements need, directly or not, by their canonical names."""
    ahead = [(canonicalize_name(one.name), extra) for one in requirements for extra in ("", *one.extras)]
    found: set[tuple[str, str]] = set()
    while ahead:
        name, extra = package = ahead.pop()
        if package in found:
            continue
        try:
            below = map(Requirement, metadata.requires(name) or ())
        except metadata.PackageNotFoundError:
            continue  # it is for another platform
        found.add(package)
        # Asked for without an extra, the others' requirements do not hold.
        held = [one for one in below if one.marker is None or one.marker.evaluate({"extra": extra})]
        ahead += [(canonicalize_name(one.name), wanted) for one in held for wanted in ("", *one.extras)]
    return {name for name, _ in found}


def only(bill: Mapping[str, Any], names: Set[str]) -> dict[str, Any]:
    """Return a bill of materials with the components of these names alone."""
    kept = [component for component in bill["components"] if canonicalize_name(component["name"]) in names]
    refs = {component["bom-ref"] for component in kept} | {bill["metadata"]["component"]["bom-ref"]}
    edges = [
        {**entry, "dependsOn": [ref for ref in entry.get("dependsOn", ()) if ref in refs]}
        for entry in bill["dependencies"]
        if entry["ref"] in refs
    ]
    return {**bill, "components": kept, "dependencies": edges}


def _run(module: str, *arguments: str) -> str:
    ended = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise NotReleasedError(f"{module} failed:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


if __name__ == "__main__":
    main()
