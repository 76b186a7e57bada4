# Installs what only the tests need and the machine may lack. What cannot be installed is named; its tests skip.
if ! command -v chromium >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	echo "Installing Chromium for the browser tests …"
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 ||
		echo "Chromium could not be installed: the browser tests will be skipped."
fi
command -v chromium >/dev/null 2>&1 || echo "Chromium is missing: the browser tests will be skipped."
