"""Video files: pictures with exact times, and the series that are recorded of every picture. Door: :mod:`.source`."""
