"""Package URLs (https://github.com/package-url/purl-spec), made by the library of their rules."""

from __future__ import annotations


def package_url(kind: str, name: str, version: str, *, namespace: str = "", **qualifiers: str) -> str:
    """Return the package URL of a kind such as `deb` or `pypi`; names are brought into the kind's form."""
    from packageurl import PackageURL

    return PackageURL(kind, namespace or None, name, version, qualifiers).to_string()
