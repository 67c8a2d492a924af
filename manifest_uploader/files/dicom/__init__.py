"""Look into DICOM files: their headers, whether they are whole, and whom they name.

For other packages:

- `look`: `look_dicom` — all that one look into a file shows
- `patient`: `KEYWORDS` — the attributes that identify a patient
- `naming`: whether a file is DICOM, and the series that it says it belongs to
"""
