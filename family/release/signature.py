"""A release's signature: by a key that you keep, over every file in its folder.

The signature is a Sigstore bundle, as `model-signing` makes and checks it. It lies in the folder,
the one file there that it does not cover, so that it goes where the files go; whoever has these and
the public key can check them without descent:

    model_signing verify key FOLDER --signature FOLDER/model.sig --public_key KEY.pub.pem

Nothing is fetched and nothing is sent.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from family.errors import DescentError
from family.release.extra import needed_for

if TYPE_CHECKING:
    from model_signing.hashing import Config as Hashing

SIGNATURE = "model.sig"
CURVES = "the curve P-256, P-384 or P-521"
MAKE = "Make a pair: descent sign --new-key KEY.pem"

Passphrase = Callable[[], str]
"""Asked only where a key is encrypted."""


class BadSignatureError(Exception):
    """The files are not those that the key signed; says what differs."""


def new_key(path: Path, passphrase: Passphrase) -> Path:
    """Write a P-256 key pair: the private key to `path`, for its owner alone, and encrypted unless
    the passphrase is empty; returns the path of the public key beside it.

    Never writes over a file."""
    with needed_for("Signatures"):
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric import ec

    public = path.with_suffix(".pub.pem")
    for one in (path, public):
        if one.exists():
            raise DescentError(f"{one} exists. Name another file; a key is never written over.")
    word = passphrase().encode()
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = form.BestAvailableEncryption(word) if word else form.NoEncryption()
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, sealed)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(secret)
    public.write_bytes(
        key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    )
    return public


class Signer:
    """Signs with a private key, which is opened at once. DescentError if it cannot be used."""

    def __init__(self, key: Path, passphrase: Passphrase) -> None:
        with needed_for("Signatures"):
            from model_signing.signing import Config

        word = _word(key, passphrase)
        try:
            # Bytes: it hands the passphrase to cryptography as it is, which takes no text.
            config = Config().use_elliptic_key_signer(private_key=key, password=word)
        except (ValueError, AttributeError) as error:  # another curve; another kind of key
            raise DescentError(f"{key} is not a key on {CURVES}. {MAKE}") from error
        self._config = config.set_hashing_config(_hashing())

    def sign(self, folder: Path) -> Path:
        """Sign all that lies in `folder`, anew if it is signed; the path of the signature."""
        part = folder / f".{SIGNATURE}.part"
        self._config.sign(folder, part)
        return part.replace(folder / SIGNATURE)


def check_signature(folder: Path, public_key: Path) -> None:
    """BadSignatureError unless the folder's signature is by this key and over what is there now.

    DescentError if the key cannot be used."""
    with needed_for("Signatures"):
        from cryptography.exceptions import InvalidSignature
        from model_signing.verifying import Config

    try:
        config = Config().use_elliptic_key_verifier(public_key=public_key)
    except (ValueError, AttributeError) as error:  # no such PEM; another kind of key
        raise DescentError(
            f"{public_key} holds no public key on {CURVES}. Name the public half of the pair."
        ) from error
    try:
        config.set_hashing_config(_hashing()).verify(folder, folder / SIGNATURE)
    except InvalidSignature:
        raise BadSignatureError("was altered, or is not by this key") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadSignatureError(_told(error)) from None


def _hashing() -> "Hashing":
    """Every file is covered but the signature; the default leaves out what git would hide."""
    from model_signing.hashing import Config

    return Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)


def _told(error: Exception) -> str:
    """What model-signing found, in a few words; it prints all digests, as Python prints bytes."""
    text = str(error)
    if text.startswith("Key mismatch"):
        return "is by another key"
    if text.startswith("Signature mismatch"):
        differ = re.findall(r"Hash mismatch for \\?'([^'\\]+)\\?': Expected", text)
        return f"is over other files than these: {', '.join(differ[:3]) or 'their names differ'}"
    return f"cannot be read ({type(error).__name__})"


def _word(key: Path, passphrase: Passphrase) -> bytes | None:
    """What opens a private key; None if it is not encrypted."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = key.read_bytes()
    try:
        load_pem_private_key(pem, None)
        return None
    except ValueError as error:
        raise DescentError(f"{key} holds no private key. {MAKE}") from error
    except TypeError:  # encrypted
        word = passphrase().encode()
    try:
        load_pem_private_key(pem, word)
    except (ValueError, TypeError):
        raise DescentError(f"{key} does not open with this passphrase.") from None
    return word
