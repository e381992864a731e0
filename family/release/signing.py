"""Signing a release."""

from pathlib import Path

from pydantic import Field

from family.errors import ReleaseError
from family.ledger import release_folder
from family.lineage.queries import Lineage
from family.lineage.views import View
from family.progress import Listener
from family.release.signature import Passphrase, Signer
from family.release.verify import verify_release
from family.store import Store


class Signed(View):
    """A release's signature."""

    family: str
    version: str
    signature: str = Field(description="The file: a Sigstore bundle.")
    folder: str = Field(description="What is signed: every other file in it.")


def sign(
    store: Store,
    family: str | None,
    version: str,
    key: Path,
    passphrase: Passphrase,
    on_progress: Listener | None = None,
) -> Signed:
    """Sign the release of a version or alias, if all of it still is what was recorded.

    ReleaseError names the first that is not; DescentError if the key cannot be used."""
    signer = Signer(key, passphrase)
    held = Lineage(store).release(family, version)
    found = verify_release(store, held.family, held.version, on_progress=on_progress)
    if found.difference:
        raise ReleaseError(f"{found.name} was not signed. {found.difference}")
    folder = release_folder(store, held.family, held.version)
    signature = signer.sign(folder)
    if store.shared:
        name = signature.relative_to(store.root).as_posix()
        store.shared.write(name, signature.read_bytes())
    return Signed(
        family=held.family,
        version=held.version,
        signature=str(signature),
        folder=str(folder),
    )
