#!/bin/bash
# Double-click in the Finder: installs v2m-bridge with a Python of its own, then sets Resolve, REAPER and the daemon up.
# To take it out again: v2m-bridge setup --remove, then uv tool uninstall v2m-bridge
set -euo pipefail
cd "$(dirname "$0")"

stop() {
  echo
  echo "$1"
  exit 1
}

if [ "$(uname -s)" = "Darwin" ]; then
  [ "$(uname -m)" = "arm64" ] || stop "This Mac has an Intel processor: PyTorch has no build for it any more."
  version=$(sw_vers -productVersion)
  [ "${version%%.*}" -ge 14 ] || stop "This is macOS $version: v2m-bridge needs macOS 14 or newer."
fi
if ! command -v uv >/dev/null; then
  echo "Fetching uv, which brings its own Python ..."
  curl -LsSf https://astral.sh/uv/install.sh | sh || stop "uv could not be fetched. Is there a network connection?"
fi
export PATH="$HOME/.local/bin:$PATH"
echo "Installing v2m-bridge, about 1 GB is fetched ..."
uv tool install --force --managed-python --python 3.12 --torch-backend auto --constraints constraints.txt ".[midi]" ||
  stop "The installation did not work: see the lines above, and docs/installation.md."
uv tool update-shell >/dev/null 2>&1 || true
v2m-bridge setup || stop "Something is left to do: see the lines above."
echo
echo "Done. You can close this window."
