//! Programs whose input and answer are files, in every language: they end as they always do, and the file is what counts.

use rlef_sandbox::{
    Batch, Cancel, Files, Job, Language, Limits, Outcome, SandboxError, Side, Status,
};

use crate::support::{exec_job, job, limits, sandbox, text};

fn with_files(job: Job) -> Job {
    Job {
        files: Some(Files {
            input: "task.in".to_owned(),
            output: "task.out".to_owned(),
        }),
        ..job
    }
}

fn run_with(job: &Job, input: &[u8], limits: &Limits) -> Outcome {
    sandbox()
        .run(job, input, limits)
        .unwrap_or_else(|error| panic!("failed to {error}"))
}

fn run(source: &str) -> Outcome {
    run_with(&with_files(job(source)), b"4\n", &limits())
}

#[track_caller]
fn leaves(outcome: &Outcome, answer: &str) {
    assert_eq!(
        (outcome.status, text(&outcome.stdout)),
        (Status::Exited(0), answer.to_owned()),
        "{}",
        text(&outcome.stderr)
    );
}

#[test]
fn a_python_program_may_leave_everything_to_its_end() {
    for source in [
        "n = int(open('task.in').read())\nwith open('task.out', 'w') as f: print(n * n, file=f)",
        "n = int(open('task.in').read())\nf = open('task.out', 'w')\nf.write('16\\n')",
        "import sys\nsys.stdin, sys.stdout = open('task.in'), open('task.out', 'w')\nprint(int(input()) ** 2)",
        "import sys\nsys.stdout = open('task.out', 'w')\nprint(16)\nsys.exit()",
        "import sys\nsys.out = open('task.out', 'w')\nsys.out.write('16\\n')",
        "import random\nrandom.out = open('task.out', 'w')\nrandom.out.write('16\\n')",
        "class A: out = open('task.out', 'w')\nA.out.write('16\\n')",
        "f = open('task.out', 'w')\ndef main():\n    f.write('16\\n')\n    exit(0)\nmain()",
        "import atexit\natexit.register(lambda: open('task.out', 'w').write('16\\n'))",
        "import threading, time\nf = open('task.out', 'w')\ndef main():\n    time.sleep(0.05)\n    f.write('16\\n')\nthreading.Thread(target=main).start()",
        "f = open('/box/task.out', 'w')\nprint(16, file=f)\nprint('aside')",
        "import os\nif os.fork() == 0:\n    open('task.out', 'w').write('16\\n')\nelse:\n    os.wait()",
        "import os\nos.chdir('/tmp')\nopen('/box/task.out', 'w').write('16\\n')",
        "import os\nos.rename('task.in', 'task.out')\nopen('task.out', 'w').write('16\\n')",
    ] {
        leaves(&run(source), "16\n");
        let fresh = run_with(&with_files(exec_job(source)), b"4\n", &limits());
        leaves(&fresh, "16\n");
    }
}

#[test]
fn every_language_here_has_them() {
    let sources = [
        (
            Language::Cpp,
            "#include <cstdio>\n#include <iostream>\nint main(){freopen(\"task.in\",\"r\",stdin);freopen(\"task.out\",\"w\",stdout);int n;std::cin>>n;std::cout<<n*n<<'\\n';}",
        ),
        (
            Language::Cpp,
            "#include <fstream>\nstd::ofstream out(\"task.out\");\nint main(){std::ifstream in(\"task.in\");int n;in>>n;out<<n*n<<'\\n';}",
        ),
        (
            Language::C,
            "#include <stdio.h>\nint main(void){int n;FILE*i=fopen(\"task.in\",\"r\"),*o=fopen(\"task.out\",\"w\");fscanf(i,\"%d\",&n);fprintf(o,\"%d\\n\",n*n);return 0;}",
        ),
        (
            Language::Java,
            "import java.io.*;public class task{public static void main(String[] a)throws IOException{BufferedReader r=new BufferedReader(new FileReader(\"task.in\"));PrintWriter w=new PrintWriter(new FileWriter(\"task.out\"));int n=Integer.parseInt(r.readLine().trim());w.println(n*n);w.close();}}",
        ),
        (
            Language::JavaScript,
            "const fs=require('fs');const n=Number(fs.readFileSync('task.in','utf8'));fs.writeFileSync('task.out',n*n+'\\n');",
        ),
        (
            Language::Rust,
            "use std::fs;fn main(){let n:i64=fs::read_to_string(\"task.in\").unwrap().trim().parse().unwrap();fs::write(\"task.out\",format!(\"{}\\n\",n*n)).unwrap();}",
        ),
    ];
    let mut tried = 0;
    for (language, source) in sources {
        if sandbox().require(language).is_err() {
            continue;
        }
        let job = with_files(Job {
            language,
            ..job(source)
        });
        let limits = Limits {
            memory_bytes: 256 << 20,
            ..limits()
        };
        leaves(&run_with(&job, b"4\n", &limits), "16\n");
        tried += 1;
    }
    assert!(tried > 0, "no compiler is here");
}

#[test]
fn what_is_no_file_is_no_answer_and_printing_counts_for_nothing() {
    for source in [
        "print(16)",
        "",
        "import os\nos.mkdir('task.out')\nopen('task.out/x', 'w').write('16')",
        "import os\nopen('x', 'w').write('16')\nos.symlink('x', 'task.out')",
        "import os\nos.symlink('/program/main.py', 'task.out')",
        "import os\nos.mkfifo('task.out')",
        "import socket\nsocket.socket(socket.AF_UNIX).bind('task.out')",
    ] {
        leaves(&run(source), "");
    }
    let reader = run("print(int(input()) ** 2)");
    assert_eq!(reader.status, Status::Exited(1));
    assert!(text(&reader.stderr).contains("EOFError"), "{reader:?}");
}

#[test]
fn a_bad_end_is_told_with_what_the_file_holds() {
    let failed = run("f = open('task.out', 'w')\nf.write('16')\n1 / 0");
    assert_eq!(
        (failed.status, text(&failed.stdout)),
        (Status::Exited(1), "16".to_owned())
    );
    assert!(text(&failed.stderr).ends_with("ZeroDivisionError: division by zero\n"));
    assert_eq!(run("1 +").status, Status::CompileError);
    let endless = run("open('task.out', 'w').write('16')\nwhile 1: pass");
    assert_eq!(endless.status, Status::TimeLimit);
    let small = Limits {
        output_bytes: 1000,
        ..limits()
    };
    let long = with_files(job("open('task.out', 'w').write('x' * 1001)"));
    assert_eq!(run_with(&long, b"", &small).status, Status::OutputLimit);
}

#[test]
fn each_test_finds_its_own_input_and_nothing_of_the_test_before() {
    let source = "import os\nfound = sorted(os.listdir('.'))\nopen('task.out', 'a').write(open('task.in').read() + repr(found))\nopen('more', 'w').write('x')";
    let inputs: [&[u8]; 3] = [b"one ", b"", b"three "];
    let outcomes = sandbox()
        .run_batch(&Batch::new(&with_files(job(source)), &inputs, &limits()))
        .unwrap();
    for (outcome, input) in outcomes.iter().zip(inputs) {
        leaves(outcome, &(text(input) + "['task.in']"));
    }
}

#[test]
fn an_input_is_not_bounded_by_what_a_program_may_write_and_keep() {
    let tight = Limits {
        file_bytes: 1 << 20,
        memory_bytes: 48 << 20,
        ..limits()
    };
    let input = vec![b'x'; 40 << 20];
    let source = "import os\nopen('task.out', 'w').write(str(os.stat('task.in').st_size))";
    leaves(
        &run_with(&with_files(job(source)), &input, &tight),
        &input.len().to_string(),
    );
}

#[test]
fn names_that_are_none_are_refused() {
    for (input, output) in [
        ("", "a"),
        ("a", ""),
        ("a", "a"),
        ("..", "a"),
        ("a", "."),
        ("b/a", "c"),
        ("a", "/etc/passwd"),
        ("a\0b", "c"),
    ] {
        let files = Files {
            input: input.to_owned(),
            output: output.to_owned(),
        };
        let job = Job {
            files: Some(files),
            ..job("")
        };
        let refused = sandbox().run(&job, b"", &limits());
        assert!(
            matches!(refused, Err(SandboxError::BadFiles(_))),
            "{input} {output}"
        );
    }
    let one = with_files(job(""));
    let pair = sandbox().run_pair(
        &Cancel::never(),
        Side::new(&one, &limits()),
        Side::new(&one, &limits()),
    );
    assert!(matches!(pair, Err(SandboxError::BadFiles(_))));
}
