"""Keys, signatures, and the commands that make and check them."""

import base64
import json
import re
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from model_signing.verifying import Config

from family.errors import DescentError, ReleaseError
from family.ledger import release_folder
from family.release.signature import SIGNATURE, Signer, check_signature, new_key
from family.release.signing import Signed, sign
from family.release.verify import Verified, verify_release
from family.store import Store
from flows.cli.main import cli
from flows.cli.sign import VARIABLE

WORD = "a horse, a kingdom"
PRIVATE: dict[str, Callable[[], PrivateKeyTypes]] = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
}


def descent(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], prog_name="descent")


def written(path: Path, key: PrivateKeyTypes) -> Path:
    plain = form.NoEncryption()
    path.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, plain))
    return path


# ---- keys ----------------------------------------------------------------------------------


def test_a_new_key_is_for_its_owner_and_encrypted(tmp_path: Path) -> None:
    public = new_key(tmp_path / "team.pem", lambda: WORD)
    assert public == tmp_path / "team.pub.pem"
    assert stat.S_IMODE((tmp_path / "team.pem").stat().st_mode) == 0o600
    assert (tmp_path / "team.pem").read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert public.read_text().startswith("-----BEGIN PUBLIC KEY-----")


def test_an_empty_passphrase_leaves_a_new_key_open(tmp_path: Path) -> None:
    new_key(tmp_path / "team.pem", str)
    assert (tmp_path / "team.pem").read_text().startswith("-----BEGIN PRIVATE KEY-----")


@pytest.mark.parametrize("there", ["team.pem", "team.pub.pem"])
def test_a_key_is_never_written_over(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(DescentError, match=rf"{there} exists\. Name another file"):
        new_key(tmp_path / "team.pem", str)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious"


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_key_made_elsewhere_signs_on_each_curve(
    released: Store, tmp_path: Path, curve: ec.EllipticCurve
) -> None:
    key = ec.generate_private_key(curve)
    public = tmp_path / "public.pem"
    public.write_bytes(
        key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    )
    sign(released, "toy", "1.0.0", written(tmp_path / "key.pem", key), str)
    assert verify_release(released, "toy", "1.0.0", public).signature == "valid"


@pytest.mark.parametrize("kind", PRIVATE)
def test_a_key_of_another_kind_is_refused(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "key.pem", PRIVATE[kind]())
    with pytest.raises(DescentError, match=r"key\.pem is not a key on the curve P-256, P-384 or P"):
        Signer(path, str)


def test_a_file_that_is_no_private_key_is_refused(tmp_path: Path) -> None:
    public = new_key(tmp_path / "team.pem", str)
    with pytest.raises(DescentError, match=r"team\.pub\.pem holds no private key\. Make a pair"):
        Signer(public, str)


@pytest.mark.parametrize("word", ["", "wrong"])
def test_a_wrong_passphrase_is_told_and_not_repeated(tmp_path: Path, word: str) -> None:
    new_key(tmp_path / "team.pem", lambda: WORD)
    with pytest.raises(DescentError, match=r"team\.pem does not open with this passphrase\.$"):
        Signer(tmp_path / "team.pem", lambda: word)


def test_a_private_key_is_no_public_key(released: Store, signed: Path) -> None:
    with pytest.raises(DescentError, match=r"key\.pem holds no public key .* Name the public half"):
        verify_release(released, "toy", "1.0.0", signed / "key.pem")


# ---- signatures ----------------------------------------------------------------------------


def test_model_signing_alone_checks_a_signature(signed: Path) -> None:
    folder = release_folder(Store(signed / "store"), "toy", "1.0.0")
    check = Config().use_elliptic_key_verifier(public_key=signed / "key.pub.pem")
    check.verify(folder, folder / SIGNATURE)


def test_the_statement_and_the_record_are_signed(signed: Path) -> None:
    folder = release_folder(Store(signed / "store"), "toy", "1.0.0")
    said = json.loads((folder / SIGNATURE).read_bytes())
    payload = base64.b64decode(said["dsseEnvelope"]["payload"])
    names = {one["name"] for one in json.loads(payload)["predicate"]["resources"]}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names == there - {SIGNATURE}
    assert {"release.json", "statement.json", "edge/int4/model.onnx.data"} <= names


def test_signing_and_checking_open_no_connection(
    released: Store, signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    sign(released, "toy", "1.0.0", signed / "key.pem", str)
    assert verify_release(released, "toy", "1.0.0", signed / "key.pub.pem").signature == "valid"


def test_a_new_signature_takes_the_place_of_the_old(released: Store, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other.pem", lambda: WORD)
    sign(released, "toy", "candidate", tmp_path / "other.pem", lambda: WORD)
    assert verify_release(released, "toy", "1.0.0", other).signature == "valid"


def test_what_differs_is_not_signed(released: Store, signed: Path) -> None:
    folder = release_folder(released, "toy", "1.0.0")
    (folder / SIGNATURE).unlink()
    (folder / "edge/int4/tokenizer.json").write_text("{ }")
    with pytest.raises(ReleaseError, match=r"toy 1\.0\.0 was not signed\. toy 1\.0\.0 has another"):
        sign(released, "toy", "1.0.0", signed / "key.pem", str)
    assert not (folder / SIGNATURE).exists()


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("model_signing.signing", lambda signed: Signer(signed / "key.pem", str)),
        ("model_signing.verifying", lambda signed: check_signature(signed, signed / "key.pub.pem")),
    ],
)
def test_without_the_extra_the_error_says_how_to_install_it(
    signed: Path, monkeypatch: pytest.MonkeyPatch, module: str, call: Callable[[Path], object]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    told = rf"Signatures need .*\({module}\)\. Run: pip install 'descent-family\[release\]'"
    with pytest.raises(DescentError, match=told):
        call(signed)


# ---- commands ------------------------------------------------------------------------------


def test_a_release_is_signed_and_verified_on_the_command_line(
    released: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, WORD)
    key, public = tmp_path / "team.pem", tmp_path / "team.pub.pem"
    said = [
        descent("sign", "--new-key", key),
        descent("sign", "toy", "1.0.0", "--key", key, "--store", released.root),
    ]
    monkeypatch.delenv(VARIABLE)
    checked = ("verify", "toy", "1.0.0", "--public-key", public, "--store", released.root)
    said += [descent(*checked), descent("verify", "edge/int4", "--store", released.root)]
    assert [one.exit_code for one in said] == [0, 0, 0, 0]
    assert f"The public key: {public}" in said[0].output
    assert "toy 1.0.0 is signed: " in said[1].output
    assert "Signature: valid." in said[2].output
    assert "toy/edge/int4 is what was recorded: " in said[3].output
    assert "flagship weights ffff" in said[3].output
    assert not any(WORD in one.output for one in said)


def test_the_answers_as_json_have_their_shapes(released: Store, signed: Path) -> None:
    where = ("--store", released.root, "--json")
    made = descent("sign", "toy", "1.0.0", "--key", signed / "key.pem", *where)
    assert Signed.model_validate_json(made.stdout).version == "1.0.0"
    found = descent("verify", "edge/int4", *where)
    assert Verified.model_validate_json(found.stdout).name == "toy/edge/int4"


def test_a_difference_is_named_and_ends_with_1(released: Store) -> None:
    path = released.folder(released.head("toy")["mini/distill"]) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    for more in ((), ("--json",)):
        result = descent("verify", "toy", "candidate", "--store", released.root, *more)
        assert result.exit_code == 1
        assert re.match(r"error: toy/mini \(\w+\) has another model\.safetensors: ", result.stderr)
    found = Verified.model_validate_json(result.stdout)
    assert found.difference
    assert [one.name for one in found.checked][:2] == ["toy/flagship", "toy/about"]


def test_an_encrypted_key_without_a_terminal_says_how_to_give_the_passphrase(
    released: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    new_key(tmp_path / "team.pem", lambda: WORD)
    where = ("--key", tmp_path / "team.pem", "--store", released.root)
    result = descent("sign", "toy", "1.0.0", *where)
    assert result.exit_code == 1
    assert f"set {VARIABLE}, or use a terminal" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("sign", "toy"), "Name FAMILY, VERSION and --key; or --new-key alone."),
        (("sign", "toy", "1.0.0"), "Name FAMILY, VERSION and --key; or --new-key alone."),
        (("verify", "edge", "--public-key", __file__), "--public-key is for a release"),
    ],
)
def test_a_command_that_lacks_something_says_what(
    signed: Path, arguments: tuple[str, ...], told: str
) -> None:
    result = descent(*arguments, "--store", signed / "store")
    assert result.exit_code == 2
    assert told in result.stderr
