"""A rehearsal's sandbox follows the manifest, also after it was made for another one."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.data import mask, write
from tests.entry import Ran, uploader


def rehearse(folder: Path, sockets: str, *options: str) -> Ran:
    """Run a manifest of one case with these sockets against the folder's own sandbox."""
    manifest = (
        "version: 1\ntarget: {kind: reader-study, slug: lung}\ncases:\n"
        f"  - name: a\n    sockets: {{{sockets}}}\n"
    )
    write(folder / "m.yaml", manifest)
    return uploader("run", "--sandbox", *options, "m.yaml", cwd=folder)


def test_a_socket_changes_its_kind_with_the_manifests_values(tmp_path: Path) -> None:
    first = rehearse(tmp_path, "finding: 2.5")
    second = rehearse(tmp_path, "finding: benign")

    assert (first.code, second.code) == (0, 0), second.err


def test_a_named_socket_counts_also_after_it_was_guessed(tmp_path: Path) -> None:
    assert rehearse(tmp_path, "finding: benign").code == 0

    refused = rehearse(tmp_path, "finding: malignant", "--socket", "finding=Float")

    assert refused.code in (1, 2)
    assert "finding" in refused.err
    again = rehearse(tmp_path, "finding: malignant", "--socket", "finding=String")
    assert again.code == 0, again.err


def test_only_what_was_sent_leaves_a_folder(tmp_path: Path) -> None:
    assert rehearse(tmp_path, "seg: {file: gone.mha}").code == 2
    assert not (tmp_path / "m.sandbox").exists()
    write(tmp_path / "m.yaml", (tmp_path / "m.yaml").read_text().replace("{file: gone.mha}", "1"))

    def files() -> set[str]:
        return {one.name for one in tmp_path.rglob("*")}

    for command in ("plan", "validate"):
        assert uploader(command, "--sandbox", "m.yaml", cwd=tmp_path).code == 0
        assert files() == {"m.yaml"}
    assert rehearse(tmp_path, "seg: 1").code == 0
    sent = files()
    assert uploader("plan", "--sandbox", "m.yaml", cwd=tmp_path).code == 0
    assert "m.sandbox" in sent
    assert files() == sent


def test_a_segmentation_may_hold_zeros_and_ones(tmp_path: Path) -> None:
    write(tmp_path / "mask.mha", mask("m"))

    ended = rehearse(tmp_path, "seg: {file: mask.mha}", "--socket", "seg=Segmentation")

    assert ended.code == 0, ended.err
