"""Where people speak in the production sound. Door: :func:`.find.find_speech`."""
