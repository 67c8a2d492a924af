"""Starts algorithm jobs, each exactly once, and finds them again.

For other packages: `find_job` and its findings, and `JobWriter`.
"""
