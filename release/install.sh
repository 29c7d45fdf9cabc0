#!/bin/sh
# Installs contactd from this folder, without any network: `sh install.sh`, or `sh install.sh uninstall`, as root.
# Needs python3 (3.11 to 3.13) and nothing else. PREFIX (/usr/local), DESTDIR (none) and PYTHON (python3) may be set.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null; then
    echo "install.sh: there is no $python: install python3 (3.11 to 3.13), or name it in PYTHON" >&2
    exit 1
fi
if ! sha256sum --check --quiet --strict SHA256SUMS; then
    echo "install.sh: this bundle is not whole: copy it here again" >&2
    exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$python" -m release --house wheels --destdir "${DESTDIR:-}" --prefix "${PREFIX:-/usr/local}" "${1:-install}"
