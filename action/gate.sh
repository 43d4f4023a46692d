#!/usr/bin/env bash
# The steps of action.yml, which hands its inputs over as variables: nothing that somebody typed is ever part of a command.
#
#   program   says which program is needed, and where it is kept between runs
#   install   builds it there, where it isn't yet
#   evaluate  makes the candidate's evaluation, where none is given
#   compare   compares, and exits by the answer
set -euo pipefail
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${RLEF_PROGRAMS:-$HOME/.cache/rlef-gate}
out=${GITHUB_OUTPUT:-/dev/null}

# Evaluating takes the program with models; comparing is done by the one without, which is built in minutes.
program() {
    if [ -n "${RLEF_GIVEN:-}" ]; then echo rlef-judge; else echo rlef; fi
}

# `--flag=value`, one a line of the input.
flag() {
    local value
    while IFS= read -r value; do
        [ -z "$value" ] || arguments+=("$1=$value")
    done <<<"$2"
}

case "${1:-}" in
    program)
        hash=$(cd "$sources" && { rustc --version; find . \( -name target -o -name .git \) -prune -o -type f \
            \( -name '*.rs' -o -name '*.py' -o -name 'Cargo.*' \) -print0 | sort -z | xargs -0 sha256sum; } | sha256sum)
        {
            echo "folder=$folder"
            echo "key=$(program)-$(uname -s)-$(uname -m)-${hash:0:16}"
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
