//! The program itself, over the real sandbox: verdicts as in-process judging has them, files, and nothing left behind.

mod manners;
mod names;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::client::{Client, Socket, get, post};
use crate::straw::eventually;

/// A server of its own.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rlef-judge"));
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache");
    command
        .current_dir(folder)
        .env("XDG_CACHE_HOME", cache)
        .env("RLEF_CACHE", folder.join("cache"))
        .arg("serve");
    command
}

pub(crate) fn serve(arguments: &[&str]) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(folder.path())
        .args(["--bind", "127.0.0.1:0", "--workers", "2"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if let Some((_, address)) = line.split_once("listening on http://") {
            let address = address.parse().unwrap();
            return Served {
                child,
                address,
                _folder: folder,
            };
        }
        said.push_str(&line);
    }
    let status = child.wait();
    panic!("it does not listen: {status:?}, {said}");
}

/// The processes that one started and has not lost.
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let texts =
        tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    texts
        .flat_map(|text| {
            let pids = text.split_whitespace().filter_map(|pid| pid.parse().ok());
            pids.collect::<Vec<u32>>()
        })
        .collect()
}

/// The processes below one.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut todo = vec![pid];
    while let Some(pid) = todo.pop() {
        let own = children(pid);
        found.extend(&own);
        todo.extend(own);
    }
    found
}

/// What programs started: all below a jail's supervisor and its warm interpreter, whom orphans fall to.
fn of_programs(server: u32) -> usize {
    let interpreters = children(server).into_iter().flat_map(children);
    interpreters.flat_map(descendants).count()
}

fn fenced(source: &str) -> String {
    format!("```python\n{source}\n```")
}

#[test]
fn programs_really_run_and_cheat_in_vain() {
    let served = serve(&["--problems", "contest:test"]);
    let problem = json!({
        "id": "sum", "statement": "Add.",
        "public_tests": [{"kind": "stdin", "input": "1 2\n", "expected": "3\n"}],
        "private_tests": [{"kind": "stdin", "input": "5 6\n", "expected": "11\n"}],
        "limits": {"cpu_ms": 500, "wall_ms": 2000},
    });
    for (source, verdict) in [
        ("print(sum(map(int, input().split())))", "accepted"),
        ("print(3)", "wrong_answer"),
        ("1/0", "runtime_error"),
        ("while True: pass", "time_limit"),
        ("print(", "compile_error"),
        ("import sys; sys.exit(0)", "wrong_answer"),
    ] {
        let body = json!({"problem": problem, "program": source});
        let said = post(served.address, "/v1/judge", &body).json();
        assert_eq!(said["verdict"], verdict, "{source}: {said}");
    }
    // The references of the built-in problems, all at once.
    let ids = get(served.address, "/v1/problems?limit=5").json();
    let id = ids["problems"][0]["id"].clone();
    let body = json!({"items": [{"problem_id": id, "completion": fenced("print('no')")}]});
    let said = post(served.address, "/v1/judge/batch", &body).json();
    assert_eq!(
        (
            &said["infrastructure_failures"],
            &said["results"][0]["accepted"]
        ),
        (&json!(0), &json!(false))
    );
    let judged = get(served.address, "/metrics").text;
    assert!(judged.contains("rlef_judged_total 7"), "{judged}");
    let body = json!({"problem": problem, "program": "print(3)"});
    assert_eq!(
        post(served.address, "/v1/judge", &body).json()["verdict"],
        "wrong_answer"
    );
    assert!(
        get(served.address, "/metrics")
            .text
            .contains("rlef_cached_total 1")
    );
}

#[test]
fn dialects_really_run_programs() {
    let served = serve(&[]);
    let run = |body: &serde_json::Value| post(served.address, "/run_code", body).json();
    let said =
        run(&json!({"code": "print(int(input()) * 2)", "language": "python", "stdin": "21"}));
    assert_eq!(
        (&said["status"], &said["run_result"]["stdout"]),
        (&json!("Success"), &json!("42\n"))
    );
    let said = run(&json!({"code": "print(1)\n1/0", "language": "python"}));
    assert_eq!(
        (&said["status"], &said["run_result"]["return_code"]),
        (&json!("Failed"), &json!(1))
    );
    assert!(
        said["run_result"]["stderr"]
            .as_str()
            .unwrap()
            .contains("ZeroDivisionError")
    );
    let said = run(&json!({"code": "while True: pass", "language": "python", "run_timeout": 0.3}));
    assert_eq!(
        (
            &said["run_result"]["status"],
            &said["run_result"]["return_code"]
        ),
        (&json!("TimeLimitExceeded"), &json!(null))
    );
    let said = run(&json!({"code": "int main(){return 3;}", "language": "cpp"}));
    assert_eq!(
        (
            &said["compile_result"]["return_code"],
            &said["run_result"]["return_code"]
        ),
        (&json!(0), &json!(3))
    );
    let said = run(&json!({"code": "int main(){", "language": "cpp"}));
    assert_eq!(
        (&said["compile_result"]["return_code"], &said["run_result"]),
        (&json!(1), &json!(null))
    );
    let said = run(&json!({
        "code": "import helper\nopen('out.txt', 'w').write(helper.f(open('in.txt').read()))", "language": "python",
        "files": {"helper.py": "ZGVmIGYoeCk6IHJldHVybiB4ICsgJyEn", "in.txt": "aGk="}, "fetch_files": ["out.txt", "none"],
    }));
    assert_eq!(
        (&said["status"], &said["files"]),
        (&json!("Success"), &json!({"out.txt": "aGkh"})),
        "{said}"
    );
    for name in ["/etc/passwd", "../x", "a/../../../etc/passwd", ""] {
        for body in [
            json!({"code": "print(1)", "language": "python", "files": {name: "aGk="}}),
            json!({"code": "print(1)", "language": "python", "fetch_files": [name]}),
        ] {
            let answer = post(served.address, "/run_code", &body);
            assert_eq!(answer.status, 422, "{body}: {answer:?}");
        }
    }
    let tests = json!(["assert add(1, 2) == 3", "assert add(0, 0) == 1"]);
    let body = json!({"program": "def add(a, b): return a + b", "tests": tests, "max_execution_time": 1.0});
    assert_eq!(
        post(served.address, "/test_program", &body).json()["results"],
        json!([1, 0])
    );
    // A program that ends well without being asked has passed nothing.
    let body = json!({"program": "import sys; sys.exit(0)", "tests": tests});
    assert_eq!(
        post(served.address, "/test_program", &body).json()["results"],
        json!([0, 0])
    );
    let files = json!([{"content": "print(open('x/y').read())"}, {"name": "x/y", "content": "hi"}]);
    let body = json!({"language": "python", "version": "*", "files": files});
    assert_eq!(
        post(served.address, "/api/v2/execute", &body).json()["run"]["stdout"],
        "hi\n"
    );
    let call = json!({"inputs": ["1\n2"], "outputs": ["3"], "fn_name": "add"});
    let body = json!({"prompt": "", "response": fenced("def add(a, b):\n    return a + b"), "label": call});
    assert_eq!(post(served.address, "/slime", &body).json(), json!(1.0));
    let mut socket = Socket::connect(served.address, "/ws");
    let pairs = json!({"question": "q", "input_output": {"inputs": ["1"], "outputs": ["2"]}});
    socket.ask(&json!({"type": "reset", "data": {"problem": pairs}}));
    let said = socket.ask(&json!({"type": "step", "data": {"completion": fenced("print(2)")}}));
    assert_eq!(
        (&said["data"]["reward"], &said["data"]["done"]),
        (&json!(1.0), &json!(true))
    );
}

#[test]
fn who_hangs_up_leaves_nothing_running() {
    let served = serve(&[]);
    let pid = served.child.id();
    // What is kept warm: two workers' jails without modules, and two for these modules, of two processes each.
    let most = 2 * 2 * 2;
    for _ in 0..4 {
        let source = "import os, time\nfor _ in range(3):\n    if os.fork() == 0: os.setsid()\ntime.sleep(500)";
        let body = json!({"code": source, "language": "python", "run_timeout": 500}).to_string();
        let mut clients: Vec<Client> = (0..2)
            .map(|_| {
                let mut client = Client::new(served.address);
                client.send("POST", "/run_code", Some(&body));
                client
            })
            .collect();
        // Both have forked all that they do.
        eventually("the program runs", || of_programs(pid) >= 16);
        clients.clear();
        eventually("nothing of it is left", || {
            of_programs(pid) == 0 && descendants(pid).len() <= most
        });
    }
    let said = post(
        served.address,
        "/run_code",
        &json!({"code": "print(1)", "language": "python"}),
    )
    .json();
    assert_eq!(said["run_result"]["stdout"], "1\n");
}

#[test]
fn killed_it_leaves_no_process_and_no_group() {
    let mut served = serve(&[]);
    let pid = served.child.id();
    let body =
        json!({"code": "import time\ntime.sleep(500)", "language": "python", "run_timeout": 500})
            .to_string();
    let mut client = Client::new(served.address);
    client.send("POST", "/run_code", Some(&body));
    eventually("the program runs", || descendants(pid).len() >= 8);
    let all = descendants(pid);
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    eventually("every process is gone", || {
        all.iter()
            .all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
    });
    eventually("every group is gone", || groups_of(pid) == 0);
}

/// Control groups that a server made.
fn groups_of(pid: u32) -> usize {
    fn count(folder: &Path, name: &str, depth: usize) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders
            .map(|entry| {
                let own = usize::from(entry.file_name().to_string_lossy().starts_with(name));
                let below = if depth > 0 {
                    count(&entry.path(), name, depth - 1)
                } else {
                    0
                };
                own + below
            })
            .sum()
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let points = mounts
        .lines()
        .filter(|line| line.contains(" - cgroup"))
        .filter_map(|line| line.split(' ').nth(4));
    points
        .map(|point| count(Path::new(point), &format!("rlef-{pid}-"), 3))
        .sum()
}

#[test]
fn told_to_end_by_a_signal_it_answers_first() {
    let mut served = serve(&[]);
    let mut client = Client::new(served.address);
    let body =
        json!({"code": "import time\ntime.sleep(1)\nprint(1)", "language": "python"}).to_string();
    client.send("POST", "/run_code", Some(&body));
    eventually("the program runs", || {
        get(served.address, "/metrics")
            .text
            .contains("rlef_working 1")
    });
    let pid = nix::unistd::Pid::from_raw(served.child.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(
        client.receive().unwrap().json()["run_result"]["stdout"],
        "1\n"
    );
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}
