"""Says who the user is, what the platform offers, and what is in the way of an upload.

Other packages may use:
- `command`: the command `uploader doctor`.
"""
