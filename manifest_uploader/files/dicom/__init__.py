"""Look into DICOM files: their headers, whether they are whole, and whom they name.

For other packages:

- `look`: `look_dicom` — all that one look into a file shows
- `patient`: `KEYWORDS` — the attributes that identify a patient
- `earlier`: what a manifest's files were asked before there were looks
"""

from manifest_uploader.files.dicom.earlier import (
    Named,
    Series,
    check,
    is_dicom,
    is_named_dicom,
    looks_dicom,
    patient_words,
    series_of,
)
from manifest_uploader.files.dicom.look import look_dicom

__all__ = [
    "Named",
    "Series",
    "check",
    "is_dicom",
    "is_named_dicom",
    "look_dicom",
    "looks_dicom",
    "patient_words",
    "series_of",
]
