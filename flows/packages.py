"""Finding packages: the one in production, or one by its digest."""

from configs.settings import Settings
from credit.package import VERSION_DIGITS, Package, PackageError
from services.model import choose_package
from services.packages import read_package

DIGEST_LENGTH = 64


def find_package(settings: Settings, dataset: str, digest: str | None = None) -> Package:
    """The champion of a data set, or the package whose digest begins with `digest`.

    Raises:
        PackageError: no package or several begin so, or it is damaged.
        NoModelError: nothing is in production.
    """
    if digest is None:
        return choose_package(settings.model_copy(update={"dataset": dataset}))
    found = [kept for kept in kept_digests(settings) if kept.startswith(digest)]
    if len(found) != 1:
        raise PackageError(
            f"{len(found)} packages have a digest that begins with {digest!r}, expected one; "
            "`creditloop models` lists them"
        )
    return read_package(settings.packages / found[0], found[0])


def find_package_of(settings: Settings, dataset: str, digest: str | None = None) -> Package:
    """As find_package, but refused with PackageError when it is another data set's."""
    package = find_package(settings, dataset, digest)
    if package.schema.name != dataset:
        raise PackageError(
            f"package {package.digest[:VERSION_DIGITS]} is of {package.schema.name}, not of "
            f"{dataset}; name its data set"
        )
    return package


def kept_digests(settings: Settings) -> list[str]:
    """The digests of all packages under home, sorted."""
    if not settings.packages.is_dir():
        return []
    return sorted(
        path.name
        for path in settings.packages.iterdir()
        if path.is_dir() and len(path.name) == DIGEST_LENGTH
    )
