"""``python -m v2m_bridge``."""

from v2m_bridge.cli.main import main

main()
