# Runs the JavaScript tests with Node's own runner.
if ! command -v node >/dev/null 2>&1; then
	echo "Node is missing: the JavaScript tests are skipped."
	exit 0
fi
exec node --test tests/static/*.test.js
