//! Languages other than Python: right statuses for each, compilers that are attacked, one compilation for many runs.
//!
//! A language whose tools this host lacks must be refused with the reason; the others must all hold.

use rlef_sandbox::{Batch, Job, Language, Limits, Outcome, SandboxError, Start, Status};

use crate::support::{canary, sandbox, text};

mod compiler;
mod memory;
mod rows;

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
fn a_program_finds_no_trace_of_the_test_before() {
    let source = "#include <cstdio>\n#include <fstream>\nint main(){std::ifstream f(\"/box/x\");puts(f?\"found\":\"clean\");std::ofstream(\"/box/x\")<<1;std::ofstream g(\"/program/main\");puts(g?\"written\":\"refused\");}";
    let outcomes = sandbox()
        .run_batch(&Batch::new(
            &job(Language::Cpp, source),
            &[b"", b""],
            &limits(),
        ))
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
