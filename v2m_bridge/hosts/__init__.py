"""Every other program: modules of ``read_*`` and ``write_*`` functions."""
