"""What systems do differently: files and their names (`disk`), clocks, shells, threads, processes.

Other packages may use all of its modules.
"""
