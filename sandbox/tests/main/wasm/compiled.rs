//! C and C++ under WebAssembly isolation. Meaningful with and without clang for wasm32-wasi: without it every program is
//! refused as missing its language, never judged.

use rlef_sandbox::{Job, Language, Outcome, SandboxError, Start, Status};

use crate::support::{cache_directory, config, limits, text};

fn sandbox() -> rlef_sandbox::Sandbox {
    rlef_sandbox::Sandbox::new(rlef_sandbox::SandboxConfig {
        isolation: rlef_sandbox::Isolation::Wasm,
        cache_directory: Some(cache_directory()),
        ..config(1)
    })
    .unwrap_or_else(|error| panic!("failed to {error}"))
}

fn run(
    sandbox: &rlef_sandbox::Sandbox,
    language: Language,
    source: &str,
    input: &str,
) -> Result<Outcome, SandboxError> {
    let job = Job {
        language,
        source: source.into(),
        start: Start::Fork,
        files: None,
    };
    sandbox.run(&job, input.as_bytes(), &limits())
}

const CPP: &str = "#include <bits/stdc++.h>\nusing namespace std;\nint main() {\n    int n;\n    cin >> n;\n    vector<int> v(n);\n    \
    for (auto &x : v) cin >> x;\n    sort(v.begin(), v.end());\n    long long s = 0;\n    for (int x : v) s = s * 10 + x;\n    \
    cout << s << \"\\n\";\n}\n";
const C: &str = "#include <stdio.h>\nint main(void) {\n    long long a, b;\n    if (scanf(\"%lld %lld\", &a, &b) != 2) return 3;\n    \
    printf(\"%lld\\n\", a * b);\n    return 0;\n}\n";

#[test]
fn programs_are_compiled_to_modules_or_refused_without_the_tools() {
    let sandbox = sandbox();
    for (language, source, input, expected) in [
        (Language::Cpp, CPP, "3\n2 1 3\n", "123\n"),
        (Language::C, C, "100000 100000\n", "10000000000\n"),
    ] {
        if let Err(error) = sandbox.require(language) {
            assert!(
                matches!(error, SandboxError::MissingLanguage { .. }),
                "{error}"
            );
            let answer = run(&sandbox, language, source, input);
            assert!(
                matches!(answer, Err(SandboxError::MissingLanguage { .. })),
                "{answer:?}"
            );
            continue;
        }
        let outcome = run(&sandbox, language, source, input).unwrap();
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (Status::Exited(0), expected),
            "{}",
            text(&outcome.stderr)
        );
        assert!(outcome.usage.fuel.is_some_and(|fuel| fuel > 0));
        let again = run(&sandbox, language, source, input).unwrap();
        assert_eq!(again.usage.fuel, outcome.usage.fuel);
    }
}

/// Where `long` has 32 bits the program would print something else: it says nothing of the program.
#[test]
fn what_32_bits_would_change_is_unsupported_before_anything_is_compiled() {
    let sandbox = sandbox();
    let source = "#include <cstdio>\nint main() { long x = 1; for (int i = 0; i < 40; i++) x *= 2; printf(\"%d\", x > 0); }\n";
    let outcome = run(&sandbox, Language::Cpp, source, "").unwrap();
    assert_eq!(outcome.status, Status::Unsupported);
    assert!(
        text(&outcome.stderr).contains("`long` has 32 bits"),
        "{}",
        text(&outcome.stderr)
    );
}

/// The host's own compiler has the last word on a source that the other refuses.
#[test]
fn a_source_that_does_not_compile_is_told_from_one_that_lacks_a_library() {
    let sandbox = sandbox();
    if sandbox.require(Language::Cpp).is_err() {
        // Then it is refused before it is looked at, as the other tests say.
        return;
    }
    let broken = run(&sandbox, Language::Cpp, "int main() { return x; }\n", "").unwrap();
    assert_eq!(broken.status, Status::CompileError);
    assert!(text(&broken.stderr).contains('x'), "{broken:?}");
    let source = "#include <ext/pb_ds/assoc_container.hpp>\nint main() {}\n";
    let lacking = run(&sandbox, Language::Cpp, source, "").unwrap();
    assert_ne!(lacking.status, Status::Exited(0));
    assert!(
        matches!(lacking.status, Status::Unsupported | Status::CompileError),
        "{lacking:?}"
    );
}

#[test]
fn auto_takes_processes_where_there_are_any() {
    let sandbox = rlef_sandbox::Sandbox::new(rlef_sandbox::SandboxConfig {
        isolation: rlef_sandbox::Isolation::Auto,
        ..config(1)
    })
    .unwrap();
    assert_eq!(sandbox.protection().isolation, "process");
    // What WebAssembly lacks, and what has 32 bits there, is run by a process and judged.
    let python = "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout, end='')";
    let outcome = run(&sandbox, Language::Python, python, "").unwrap();
    assert_eq!(
        (outcome.status, text(&outcome.stdout).as_str()),
        (Status::Exited(0), "42\n"),
        "{}",
        text(&outcome.stderr)
    );
    assert_eq!(outcome.usage.fuel, None);
    let c = "#include <stdio.h>\nint main(void) { printf(\"%ld\\n\", 1L << 40); return 0; }\n";
    let outcome = run(&sandbox, Language::C, c, "").unwrap();
    assert_eq!(text(&outcome.stdout), "1099511627776\n");
    // Modules run in WebAssembly all the same.
    let module = "(module (memory (export \"memory\") 1) (func (export \"_start\")))";
    let outcome = run(&sandbox, Language::Wasm, module, "").unwrap();
    assert!(outcome.status == Status::Exited(0) && outcome.usage.fuel.is_some());
}
