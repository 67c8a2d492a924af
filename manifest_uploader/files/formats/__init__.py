"""Look into images that are not DICOM, and tell what any file is by its content.

- `sniff`: `sniff`, `ENOUGH` — what a file is
- `look`: `look_image` — what its header says, and whether it is whole
- `voxels`: `data_flaws` — whether a separate data file is whole
- `segmentation`: `segmentation_flaws`, `stray_values` — whether an image can be a segmentation
- `about`: `About` — the words that a flaw's `about` can be
- `slides`: `is_slide` — names of whole-slide images
- `system_files`: `is_system_file` — names of what systems add to archives
"""
