"""The guide: what README.md leaves out, one Markdown file for each topic.

Other packages may use:
- `topics`: their names, summaries and texts.
"""
