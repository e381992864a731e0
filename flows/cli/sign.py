"""`descent sign`."""

import os
import sys
from pathlib import Path

import click

from family.errors import DescentError
from flows.cli.options import json_option, store_option

VARIABLE = "DESCENT_SIGNING_PASSPHRASE"
key = click.Path(exists=True, dir_okay=False, path_type=Path)
file = click.Path(dir_okay=False, path_type=Path)


@click.command("sign")
@click.argument("family", required=False)
@click.argument("version", required=False)
@click.option("--key", type=key, metavar="KEY.pem", help="The private key to sign with.")
@click.option("--new-key", type=file, metavar="KEY.pem", help="Make a key pair, and sign nothing.")
@store_option
@json_option
def command(
    family: str | None,
    version: str | None,
    key: Path | None,
    new_key: Path | None,
    store: Path,
    as_json: bool,
) -> None:
    """Sign a release of FAMILY with a key of yours, if all of it is what was recorded.

    Signs every file in the release's folder, with `statement.json`, which says what they were made
    from; the signature is `model.sig` in that folder. VERSION may be an alias. Nothing is sent.

    Keys are PEM files on the curve P-256, P-384 or P-521. `--new-key` writes KEY.pem, for you
    alone, and KEY.pub.pem, for everybody who verifies. The passphrase is asked for, or taken from
    DESCENT_SIGNING_PASSPHRASE; an empty one leaves a new key unencrypted.

    \b
    Example:
      descent sign --new-key release.pem
      descent sign quickstart 1.2.0 --key release.pem
    """
    from family.release.signature import new_key as make
    from family.release.signing import sign
    from family.store import Store
    from flows.cli import show as out
    from flows.cli.bar import bar

    if new_key and not (family or version or key):
        public = make(new_key, lambda: _passphrase(new=True))
        click.echo(f"The private key: {new_key}\nThe public key: {public}")
        return
    held = Store.existing(store)
    if new_key or not (family and version and key):
        raise click.UsageError("Name FAMILY, VERSION and --key; or --new-key alone.")
    with bar("verify") as hear:
        signed = sign(held, family, version, key, _passphrase, hear)
    if as_json:
        out.json(signed)
    else:
        click.echo(
            f"{signed.family} {signed.version} is signed: {signed.signature}\n"
            f"To check it: descent verify {signed.family} {signed.version} --public-key PUBLIC.pem"
        )


def _passphrase(*, new: bool = False) -> str:
    """That of the environment, or asked for where somebody can answer."""
    if (said := os.environ.get(VARIABLE)) is not None:
        return said
    if not sys.stdin.isatty():
        raise DescentError(f"A key asks for its passphrase: set {VARIABLE}, or use a terminal.")
    said = click.prompt(
        "Passphrase",
        default="",
        show_default=False,
        hide_input=True,
        confirmation_prompt=new,
        err=True,
    )
    return str(said)
