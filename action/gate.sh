#!/usr/bin/env bash
# The steps of action.yml, which hands its inputs over as variables: nothing that somebody typed is ever part of a command.
#
#   program   says which program is needed, and where it is kept between runs: a folder for each state of the sources, handed to
#             the steps after it as RLEF_PROGRAMS
#   install   builds it there, where it isn't yet
#   evaluate  makes the candidate's evaluation, where none is given
#   compare   compares, and exits by the answer
set -euo pipefail
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${GITHUB_OUTPUT:-/dev/null}

# Evaluating takes the program with models; comparing is done by the one without, which is built in minutes.
program() {
    if [ -n "${RLEF_GIVEN:-}" ]; then echo rlef-judge; else echo rlef; fi
}

# All files of the sources, for many are built into the programs: those of the commit, or of what was unpacked without one.
files() {
    if [ -e .git ] && git ls-files >/dev/null 2>&1; then
        git ls-files -z
    else
        find . \( -name target -o -name .git \) -prune -o -type f -print0
    fi
}

state() {
    local file
    cd "$sources"
    {
        rustc --version
        files | LC_ALL=C sort -z | while IFS= read -r -d '' file; do
            [ ! -f "$file" ] || printf '%s\0' "$file"
        done | xargs -0 sha256sum --
    } | sha256sum | cut -c 1-16
}

# `--flag=value`, one a line of the input.
flag() {
    local value
    while IFS= read -r value; do
        [ -z "$value" ] || arguments+=("$1=$value")
    done <<<"$2"
}

folder=${RLEF_PROGRAMS:-}
if [ -z "$folder" ] && [ "${1:-}" != program ]; then
    echo "expected RLEF_PROGRAMS, the folder that the step program says" >&2
    exit 2
fi

case "${1:-}" in
    program)
        state=$(state)
        {
            echo "folder=$HOME/.cache/rlef-gate/$state"
            echo "key=$(program)-$(uname -s)-$(uname -m)-$state"
        } >>"$out"
        ;;
    install)
        if [ ! -x "$folder/bin/$(program)" ]; then
            [ "$(program)" = rlef ] && path=$sources || path=$sources/serve
            cargo install --locked --root "$folder" --path "$path" --bin "$(program)"
        fi
        ;;
    evaluate)
        candidate=${RLEF_GIVEN:-}
        if [ -z "$candidate" ]; then
            if [ -z "${RLEF_PROBLEMS:-}" ] || [ -z "${RLEF_POLICY:-}" ]; then
                echo "failed to find what to check: give candidate, or problems and policy" >&2
                exit 2
            fi
            # Ubuntu keeps the namespaces that the sandbox is made of from programs that it doesn't know.
            if [ -e /proc/sys/kernel/apparmor_restrict_unprivileged_userns ]; then
                sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0
            fi
            candidate=${RUNNER_TEMP:-/tmp}/candidate.json
            arguments=(eval --problems "$RLEF_PROBLEMS" --policy "$RLEF_POLICY" --out "$candidate")
            while IFS= read -r word; do
                [ -z "$word" ] || arguments+=("$word")
            done <<<"${RLEF_EVAL:-}"
            "$folder/bin/rlef" "${arguments[@]}"
        fi
        echo "candidate=$candidate" >>"$out"
        ;;
    compare)
        arguments=(gate --baseline "$RLEF_BASELINE" --candidate "$RLEF_CANDIDATE")
        for name in k turn margin alpha slice golden golden-rate quarantine allow max-infra-rate inconclusive seed junit; do
            variable=RLEF_$(tr a-z- A-Z_ <<<"$name")
            flag "--$name" "${!variable:-}"
        done
        if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then arguments+=(--summary "$GITHUB_STEP_SUMMARY"); fi
        code=0
        "$folder/bin/$(program)" "${arguments[@]}" || code=$?
        echo "code=$code" >>"$out"
        exit "$code"
        ;;
    *)
        echo "expected program, install, evaluate or compare" >&2
        exit 2
        ;;
esac
