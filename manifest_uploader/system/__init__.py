"""What systems do differently: files and their names (`disk`), clocks and shells.

Other packages may use all of its modules.
"""
