"""Writes folders such as users have, including their oddities."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.data import dicom_slice, mask, mha, write


def write_mhd_patients(folder: Path, patients: int = 3) -> Path:
    """Write `mainfolder/patientN_folder/` with an image in two files and a segmentation."""
    main = folder / "mainfolder"
    for number in range(1, patients + 1):
        home = main / f"patient{number}_folder"
        head, _, voxels = mha(number).partition(b"LOCAL\n")
        write(home / "ct.mhd", head + b"ct.raw\n")
        write(home / "ct.raw", voxels)
        write(home / "airways.mha", mask(number))
    return main


def write_dicom_patients(folder: Path, patients: int, *, slices: int = 2, side: int = 16) -> Path:
    """Write patients with a DICOM series and a segmentation, and a table of scores.

    The oddities: the second patient has no row, `patient-999` has no folder, the third's folder
    has two series, the fourth has an extra file, and so has `data`, which also has a `.DS_Store`.
    """
    data = folder / "data"
    rows = ["patient,score,label,good"]
    for number in range(1, patients + 1):
        name = f"patient-{number:03}"
        for place in range(slices):
            write(
                data / name / "ct" / f"IM{place + 1:04}.dcm", dicom_slice(number, place, side=side)
            )
        write(data / name / "airways.mha", mask(number))
        if number != 2:
            good = "true" if number % 2 else "false"
            rows.append(f"{name},{number / 4},Patient {number},{good}")
    rows.append("patient-999,1,Nobody,true")
    for place in range(2):
        other = data / "patient-003" / "ct" / f"SC{place + 1:04}.dcm"
        write(other, dicom_slice(1000, place, side=side))
    write(data / "patient-004" / "extra.txt", "extra")
    write(data / "readme.txt", "hello")
    write(data / ".DS_Store", "x")
    write(data / "scores.csv", "\n".join(rows) + "\n")
    return data


def with_series_description(data: bytes, series: str) -> bytes:
    """The DICOM file with a description of its series."""
    import io

    from pydicom import dcmread

    one = dcmread(io.BytesIO(data))
    one.SeriesDescription = series
    stream = io.BytesIO()
    one.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


PATIENTS = (
    *("Müller, Jürgen", "Öztürk, Can", "Jäger, Änne", "Groß, Heike", "Köhler, Sören"),
    *("Schäfer, Käthe", "Böhm, Jörg", "Gräf, Ülkü", "Weiß, Ida", "Kühn, Götz", "Röder, Max"),
    "Bär, Zoë",
)


def write_pacs_export(folder: Path, *, slices: int = 3) -> Path:
    """Write `studie/`: twelve patients as a PACS exports them, and a table as German Excel does.

    Each patient has a DICOMDIR, a viewer's files, and two series in folders with numbers and UIDs
    for names. The last patient has no row, and `Fremd, Egon` has no folder.
    """
    home = folder / "studie"
    rows = ["Patient;Titel;Größe;Bemerkung;Geboren"]
    for number, patient in enumerate(PATIENTS, 1):
        write(home / patient / "DICOMDIR", bytes(128) + b"DICM")
        write(home / patient / "AUTORUN.INF", "[autorun]\r\n")
        study = home / patient / "DICOM" / f"{20240100 + number}" / f"1.2.276.0.45.{number}.7"
        for place in range(slices):
            data = with_series_description(dicom_slice(number, place, side=16), "Thorax 1.0 B70f")
            write(study / f"1.3.12.2.{number}.1" / f"{place + 1:08}", data)
        scout = with_series_description(dicom_slice(500 + number, 0, side=16), "Topogramm")
        write(study / f"1.3.12.2.{number}.2" / "00000001", scout)
        if patient != PATIENTS[-1]:
            rows.append(f"{patient};Fall {number};{number},5;über {number} mm;1960")
    rows.append("Fremd, Egon;Fall 99;3,5;;1960")
    write(home / "Befunde.csv", "\r\n".join(rows).encode("cp1252") + b"\r\n")
    return home
