"""Look into the files of values before anything is sent, in parallel, and remember what was seen.

- `looker`: looks into the files of one value
- `pool`: looks into many values at a time
- `cache`: remembers what files were seen to be, by their names, sizes and times
"""
