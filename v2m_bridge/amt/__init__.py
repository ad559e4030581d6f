"""The networks that write music and choose among it. Doors: :mod:`.decoding`, :mod:`.dynamics`, :mod:`.ranking`."""
