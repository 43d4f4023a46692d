//! Compilers: attacked, sped up, and asked once for many runs.

use rlef_sandbox::{Batch, Language, Limits, Sandbox, Status};

use super::{if_usable, job, limits, run};
use crate::support::{canary, config, text};

#[test]
fn a_header_compiled_in_advance_refuses_nothing() {
    if_usable(Language::Cpp, || {
        for part in [
            "#ifndef __STDCPP_MATH_SPEC_FUNCS__\n#error no special functions\n#endif\nint x = 1;",
            "#include <bits/specfun.h>\ndouble x = std::sph_neumann(1, 2.0);",
            "int x() { std::fut\\ \nure<int> g; return g.valid(); }",
            "int x() { std::pro\\ \t\x0b\x0c\nmi\\\n\\\nse<int> g; return 1; }",
            "#define JOIN(a, b) a#\\ \n#b\nint x() { std::JOIN(fut, ure)<int> g; return g.valid(); }",
            "%:define JOIN(a, b) a%:\\\n%:b\nint x() { std::JOIN(fut, ure)<int> g; return g.valid(); }",
            "#if !__has_include(<filesystem>) || __cpp_lib_filesystem < 201703L || !defined _GLIBCXX_FILESYSTEM\n#error\n#endif\nint x;",
            "#include <filesystem>\nint x = std::filesystem::path(\"/a/b\").has_filename();",
            "#include <bits/stdc++.h>\nint x = std::max(1, 2);",
            "int y;\n#include \"bits/stdc++.h\"\nint x = std::max(1, 2);",
            "#include <experimental/filesystem>\nint x = std::filesystem::path(\"/a/b\").has_filename();",
        ] {
            let source = format!(
                "#include <bits/stdc++.h>\n{part}\nint main() {{ std::cout << \"taken\"; }}\n"
            );
            let outcome = run(Language::Cpp, &source, "");
            assert_eq!(
                outcome.status,
                Status::Exited(0),
                "{source}\n{}",
                text(&outcome.stderr)
            );
            assert_eq!(outcome.stdout, b"taken", "{source}");
        }
        let broken = run(
            Language::Cpp,
            "#include <bits/stdc++.h>\nint main() { return x; }\n",
            "",
        );
        assert_eq!(broken.status, Status::CompileError);
    });
}

#[test]
fn attacks_on_the_compiler_are_compile_errors() {
    let config = rlef_sandbox::SandboxConfig {
        compile_limits: Limits {
            cpu_ms: 1_000,
            // One of them waits for input that never comes.
            wall_ms: 10_000,
            memory_bytes: 512 << 20,
            open_files: 256,
            output_bytes: 1 << 20,
            ..Limits::default()
        },
        ..config(1)
    };
    let small = Sandbox::new(config).unwrap();
    let long = format!("int main(){{ {} }}", "(".repeat(200_000));
    let attacks = [
        ("endless input", "#include \"/dev/zero\"\nint main(){}"),
        ("random input", "#include \"/dev/urandom\"\nint main(){}"),
        ("a secret", "#include \"/etc/shadow\"\nint main(){}"),
        (
            "a file that is no source",
            "#include \"/etc/passwd\"\nint main(){}",
        ),
        ("its own output", "#include \"/dev/stdout\"\nint main(){}"),
        (
            "itself",
            "#include \"/program/main.cpp\"\n#include __FILE__\nint main(){}",
        ),
        (
            "templates without end",
            "template<int N> struct A{ typedef typename A<N+1>::T T; }; A<0>::T x; int main(){}",
        ),
        (
            "templates that double",
            "template<int N,class...T> struct A: A<N-1,T...,T...>{}; template<class...T> struct A<0,T...>{}; A<26,int> x; int main(){}",
        ),
        (
            "a loop in a constant",
            "constexpr int f(){ int n=0; for(int i=0;i<2000000000;++i) n^=i; return n; } constexpr int x=f(); int main(){}",
        ),
        (
            "a binary of a gigabyte",
            "char big[1u<<30]={1}; int main(){}",
        ),
        (
            "bytes of a secret",
            "asm(\".incbin \\\"/etc/shadow\\\"\"); int main(){}",
        ),
        (
            "an assembler's loop",
            "asm(\".rept 2000000000\\n nop\\n .endr\"); int main(){}",
        ),
        (
            "an assembler's space",
            "asm(\".data\\n .space 4000000000, 1\"); int main(){}",
        ),
        (
            "macros that double",
            "#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(A(A(x)))))\n#define C(x) B(B(x))\nint y[] = { C(1,) }; int main(){}",
        ),
        ("deep nesting", &long),
        ("nothing", ""),
        ("no text", "\u{0}\u{1}\u{2}"),
    ];
    let mut wrong = Vec::new();
    for (name, source) in attacks {
        let outcome = small
            .run(&job(Language::Cpp, source), b"", &limits())
            .unwrap_or_else(|error| panic!("{name}: failed to {error}"));
        let words = text(&outcome.stderr);
        if outcome.status != Status::CompileError || words.contains("root:") || words.len() > 5_000
        {
            wrong.push((name, outcome.status, words));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(
        run(
            Language::Cpp,
            "#include <cstdio>\nint main(){puts(\"fine\");}",
            ""
        )
        .stdout,
        b"fine\n"
    );
    canary();
}

#[test]
fn what_is_compiled_once_is_found_by_another_sandbox_without_a_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let make = || {
        let config = rlef_sandbox::SandboxConfig {
            cache_directory: Some(folder.path().join("cache")),
            ..config(1)
        };
        Sandbox::new(config).unwrap()
    };
    let program = job(
        Language::C,
        "#include <stdio.h>\nint main(void){puts(\"once\");}",
    );
    let entries = || {
        std::fs::read_dir(folder.path().join("cache/programs"))
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_file())
            .map(|entry| (entry.path(), entry.metadata().unwrap().created().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        make().run(&program, b"", &limits()).unwrap().stdout,
        b"once\n"
    );
    let first = entries();
    assert_eq!(first.len(), 1, "{first:?}");
    let other = make();
    let outcomes = other
        .run_batch(&Batch::new(&program, &[b"", b"", b""], &limits()))
        .unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.stdout == b"once\n"));
    assert_eq!(entries(), first);
    // A broken entry is noticed and made anew, never run.
    let mut bytes = std::fs::read(&first[0].0).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&first[0].0, bytes).unwrap();
    assert_eq!(
        make().run(&program, b"", &limits()).unwrap().stdout,
        b"once\n"
    );
}
