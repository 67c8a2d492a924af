"""What systems do differently: files and their names (`disk`), clocks, shells and threads.

Other packages may use all of its modules.
"""
