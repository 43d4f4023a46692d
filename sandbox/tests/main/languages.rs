//! Languages other than Python: right statuses for each, compilers that are attacked, one compilation for many runs.
//!
//! A language whose tools this host lacks must be refused with the reason; the others must all hold.

use rlef_sandbox::{
    Job, Language, Limits, Outcome, Safeguard, Sandbox, SandboxError, Start, Status,
};

use crate::support::{canary, config, needs_control_group, sandbox, text};

fn job(language: Language, source: &str) -> Job {
    Job {
        language,
        source: source.into(),
        start: Start::Fork,
        files: None,
    }
}

fn limits() -> Limits {
    Limits {
        cpu_ms: 3_000,
        wall_ms: 60_000,
        memory_bytes: 256 << 20,
        output_bytes: 1 << 20,
        ..Limits::default()
    }
}

fn run(language: Language, source: &str, input: &str) -> Outcome {
    sandbox()
        .run(&job(language, source), input.as_bytes(), &limits())
        .unwrap_or_else(|error| panic!("failed to {error}"))
}

/// Runs the check if this host has the language; else the refusal must say why.
fn if_usable(language: Language, check: impl FnOnce()) {
    if sandbox().require(language).is_ok() {
        return check();
    }
    let error = sandbox()
        .run(&job(language, ""), b"", &limits())
        .unwrap_err();
    let SandboxError::MissingLanguage { reason, .. } = error else {
        panic!("failed to {error}");
    };
    assert!(!reason.is_empty());
    eprintln!("{}: {reason}", language.title());
}

/// One program for each thing that can happen, in one language.
struct Programs {
    double: &'static str,
    crash: &'static str,
    endless: &'static str,
    hog: &'static str,
    flood: &'static str,
    bomb: Option<&'static str>,
    broken: &'static str,
}

fn every_status(language: Language, programs: &Programs) {
    if_usable(language, || {
        let right = run(language, programs.double, "21\n");
        let printed = text(&right.stdout);
        let words = text(&right.stderr);
        assert_eq!(
            (right.status, printed.trim()),
            (Status::Exited(0), "42"),
            "{words}"
        );
        assert!(right.usage.cpu_us > 0);
        let crash = run(language, programs.crash, "");
        assert!(
            matches!(crash.status, Status::Exited(1..) | Status::Signalled(_)),
            "crash: {:?} {}",
            crash.status,
            text(&crash.stderr)
        );
        let short = Limits {
            cpu_ms: 1_000,
            ..limits()
        };
        let endless = sandbox()
            .run(&job(language, programs.endless), b"", &short)
            .unwrap();
        assert_eq!(endless.status, Status::TimeLimit, "{:?}", endless.usage);
        let hog = run(language, programs.hog, "");
        assert_eq!(
            hog.status,
            Status::MemoryLimit,
            "{:?} {}",
            hog.usage,
            text(&hog.stderr)
        );
        let flood = run(language, programs.flood, "");
        assert_eq!(
            (flood.status, flood.stdout.len()),
            (Status::OutputLimit, 1 << 20)
        );
        if let Some(bomb) = programs.bomb {
            let bomb = run(language, bomb, "");
            assert_ne!(bomb.status, Status::CompileError, "{}", text(&bomb.stderr));
        }
        let broken = run(language, programs.broken, "");
        assert_eq!(broken.status, Status::CompileError);
        let words = text(&broken.stderr);
        assert!(
            (words.contains("rror") || words.contains("undefined: undeclared"))
                && !words.contains("/program"),
            "{words}"
        );
        canary();
        let again = run(language, programs.double, "4\n");
        assert_eq!(text(&again.stdout).trim(), "8");
    });
}

#[test]
fn cpp() {
    every_status(
        Language::Cpp,
        &Programs {
            double: "#include <bits/stdc++.h>\nint main(){int n;std::cin>>n;std::cout<<2*n<<std::endl;}",
            crash: "#include <vector>\nint main(){std::vector<int> v; return v.at(3);}",
            endless: "int main(){volatile unsigned n=0; for(;;)++n;}",
            hog: "#include <vector>\n#include <cstring>\nint main(){std::vector<char*> v; for(;;){v.push_back(new char[1<<20]); memset(v.back(),1,1<<20);}}",
            flood: "#include <cstdio>\nint main(){for(;;)puts(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\");}",
            bomb: Some("#include <unistd.h>\nint main(){for(;;)fork();}"),
            broken: "int main(){ return undeclared; }",
        },
    );
}

/// The header that is compiled in advance is a matter of speed: what the compiler takes without it, it takes with it.
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
fn c() {
    every_status(
        Language::C,
        &Programs {
            double: "#include <stdio.h>\nint main(void){int n;scanf(\"%d\",&n);printf(\"%d\\n\",2*n);}",
            crash: "#include <stdlib.h>\nint main(void){abort();}",
            endless: "int main(void){volatile unsigned n=0; for(;;)++n;}",
            hog: "#include <stdlib.h>\n#include <string.h>\nint main(void){for(;;){memset(malloc(1<<20),1,1<<20);}}",
            flood: "#include <stdio.h>\nint main(void){for(;;)puts(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\");}",
            bomb: Some("#include <unistd.h>\nint main(void){for(;;){if(fork()==0)setsid();}}"),
            broken: "int main(void){ return undeclared; }",
        },
    );
}

#[test]
fn rust() {
    every_status(
        Language::Rust,
        &Programs {
            double: "fn main(){let mut s=String::new();std::io::stdin().read_line(&mut s).unwrap();println!(\"{}\",2*s.trim().parse::<i64>().unwrap());}",
            crash: "fn main(){let v:Vec<i32>=std::env::args().skip(9).map(|_|1).collect();println!(\"{}\",v[0]);}",
            endless: "fn main(){let mut n=0u64;loop{n=std::hint::black_box(n+1);}}",
            hog: "fn main(){let mut v=Vec::new();loop{v.push(vec![1u8;1<<20]);}}",
            flood: "fn main(){loop{println!(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\");}}",
            bomb: Some(
                "fn main(){let mut v=vec![];for _ in 0..1000{v.push(std::thread::Builder::new().spawn(||std::thread::sleep(std::time::Duration::from_secs(1))));}}",
            ),
            broken: "fn main(){ undeclared }",
        },
    );
}

#[test]
fn java() {
    every_status(
        Language::Java,
        &Programs {
            double: "import java.util.*;\npublic class Solution{static class Node{} public static void main(String[] a){System.out.println(2*new Scanner(System.in).nextInt());}}",
            crash: "class A{public static void main(String[] a){int[] v=new int[1];System.out.println(v[a.length+1]);}}",
            endless: "class A{public static void main(String[] a){long n=0;while(true)n++;}}",
            hog: "import java.util.*;\nclass A{public static void main(String[] a){List<byte[]> v=new ArrayList<>();while(true)v.add(new byte[1<<20]);}}",
            flood: "class A{public static void main(String[] a){while(true)System.out.println(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\");}}",
            bomb: Some(
                "class A{public static void main(String[] a){for(int i=0;i<1000;i++)new Thread(()->{try{Thread.sleep(1000);}catch(Exception e){}}).start();}}",
            ),
            broken: "class A{public static void main(String[] a){undeclared();}}",
        },
    );
}

#[test]
fn javascript() {
    every_status(
        Language::JavaScript,
        &Programs {
            double: "console.log(2*parseInt(require('fs').readFileSync(0,'utf8')))",
            crash: "undeclared()",
            endless: "for(;;);",
            hog: "const v=[];for(;;)v.push(new Array(1<<17).fill(1.5))",
            flood: "for(;;)require('fs').writeSync(1,'x'.repeat(100))",
            bomb: None,
            broken: "function (",
        },
    );
}

#[test]
fn go() {
    every_status(
        Language::Go,
        &Programs {
            double: "package main\nimport \"fmt\"\nfunc main(){var n int;fmt.Scan(&n);fmt.Println(2*n)}",
            crash: "package main\nfunc main(){panic(1)}",
            endless: "package main\nfunc main(){for{}}",
            hog: "package main\nfunc main(){v:=[][]byte{};for{b:=make([]byte,1<<20);for i:=range b{b[i]=1};v=append(v,b)}}",
            flood: "package main\nimport \"fmt\"\nfunc main(){for{fmt.Println(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx\")}}",
            bomb: None,
            broken: "package main\nfunc main(){undeclared()}",
        },
    );
}

/// Each is refused as a compile error, whatever it costs the compiler, and shows nothing of the host.
#[test]
fn attacks_on_the_compiler_are_compile_errors() {
    let config = rlef_sandbox::SandboxConfig {
        compile_limits: Limits {
            cpu_ms: 2_000,
            wall_ms: 60_000,
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
        .run_batch(&program, &[b"", b"", b""], &limits(), &mut |_, _| true)
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

#[test]
fn a_program_finds_no_trace_of_the_test_before() {
    let source = "#include <cstdio>\n#include <fstream>\nint main(){std::ifstream f(\"/box/x\");puts(f?\"found\":\"clean\");std::ofstream(\"/box/x\")<<1;std::ofstream g(\"/program/main\");puts(g?\"written\":\"refused\");}";
    let outcomes = sandbox()
        .run_batch(
            &job(Language::Cpp, source),
            &[b"", b""],
            &limits(),
            &mut |_, _| true,
        )
        .unwrap();
    for outcome in outcomes {
        assert_eq!(text(&outcome.stdout), "clean\nrefused\n");
    }
}

#[test]
fn forbidden_calls_are_denied_in_every_compiled_program() {
    let source = "#include <sys/ptrace.h>\nint main(void){return ptrace(PTRACE_TRACEME,0,0,0);}";
    assert_eq!(run(Language::C, source, "").status, Status::Denied);
    canary();
}

/// Whatever the kernel has against a file that a compiler made is the program's doing, and no failure of the sandbox.
#[test]
fn a_compiled_file_that_cannot_be_executed_is_the_programs_failure() {
    let names = |interpreter: &str| {
        format!(
            "__asm__(\".section .interp,\\\"a\\\"\\n.asciz \\\"{interpreter}\\\"\\n.previous\");\nint main(void) {{ return 0; }}\n"
        )
    };
    for language in [Language::C, Language::Cpp] {
        if_usable(language, || {
            for interpreter in [
                "/nowhere",
                "/box",
                "/etc/passwd",
                "/dev/null",
                "/proc/self/fd/0",
                "/proc/self/fd/1",
                "relative",
                "",
            ] {
                let outcome = run(language, &names(interpreter), "x");
                assert!(
                    !matches!(outcome.status, Status::Exited(0)),
                    "{interpreter}: {outcome:?}"
                );
            }
            canary();
        });
    }
    if_usable(Language::Rust, || {
        for kind in ["lib", "rlib", "staticlib", "dylib", "cdylib"] {
            let outcome = run(
                Language::Rust,
                &format!("#![crate_type=\"{kind}\"]\nfn main() {{}}\n"),
                "",
            );
            assert!(
                !matches!(outcome.status, Status::Exited(0)),
                "{kind}: {outcome:?}"
            );
        }
        canary();
    });
}

/// Where a control group counts, a program gets its limit and no megabyte more.
#[test]
fn a_memory_limit_is_exact_to_a_megabyte() {
    needs_control_group(Safeguard::MemoryLimit);
    let touch = |megabytes: f64| {
        format!(
            "#include <stdio.h>\n#include <stdlib.h>\nint main(void) {{ size_t n = (size_t)({megabytes} * (1 << 20)); volatile char *p = malloc(n);\n\
             for (size_t i = 0; i < n; i += 4096) p[i] = 1; puts(p[n - 4096] ? \"1\" : \"0\"); return 0; }}\n"
        )
    };
    if_usable(Language::C, || {
        for limit in [64_u32, 256] {
            let limits = Limits {
                memory_bytes: u64::from(limit) << 20,
                ..limits()
            };
            for (extra, status) in [(-1.0, Status::Exited(0)), (1.0, Status::MemoryLimit)] {
                let source = touch(f64::from(limit) + extra);
                let outcome = sandbox()
                    .run(&job(Language::C, &source), b"", &limits)
                    .unwrap();
                assert_eq!(
                    outcome.status, status,
                    "{limit} {extra}: {:?}",
                    outcome.usage
                );
            }
        }
    });
}
