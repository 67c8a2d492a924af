"""The whole program from its command line, over real HTTP against the sandbox."""
