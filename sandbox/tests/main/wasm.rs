//! WebAssembly isolation: programs behave as under python3, outcomes repeat to the bit, attacks end as data.

use std::sync::OnceLock;

use rlef_sandbox::{
    Batch, Cancel, Isolation, Job, Language, Limits, Outcome, Sandbox, SandboxConfig, Side, Start,
    Status,
};

use crate::support::{limits, text};

mod attacks;
mod bombs;
mod compiled;
mod gaps;
mod idioms;
mod modules;
mod suites;

/// The sandbox that these tests share; making the interpreter takes half a minute where it is not cached.
fn sandbox() -> &'static Sandbox {
    static SHARED: OnceLock<Sandbox> = OnceLock::new();
    SHARED.get_or_init(|| {
        let config = SandboxConfig {
            isolation: Isolation::Wasm,
            workers: 2,
            cache_directory: Some(crate::support::cache_directory()),
            helper: Some(crate::support::helper()),
            ..SandboxConfig::default()
        };
        Sandbox::new(config).unwrap_or_else(|error| panic!("failed to {error}"))
    })
}

fn job(source: impl AsRef<[u8]>) -> Job {
    Job {
        language: Language::Python,
        source: source.as_ref().to_vec(),
        start: Start::Fork,
        files: None,
    }
}

fn run_with(source: impl AsRef<[u8]>, input: &str, limits: &Limits) -> Outcome {
    sandbox()
        .run(&job(source), input.as_bytes(), limits)
        .unwrap_or_else(|error| panic!("failed to {error}"))
}

fn run(source: impl AsRef<[u8]>, input: &str) -> Outcome {
    run_with(source, input, &limits())
}

#[test]
fn outcome_and_fuel_repeat_to_the_bit() {
    let source = "import random, time\nprint(random.random(), time.time(), hash('x'), {'a', 'b', 'c'}, input())\n";
    let first = run(source, "5\n");
    assert_eq!(first.status, Status::Exited(0), "{}", text(&first.stderr));
    assert!(first.usage.fuel.is_some_and(|fuel| fuel > 0));
    let others = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| run(source, "5\n"))).collect();
        runs.into_iter()
            .map(|run| run.join().unwrap())
            .collect::<Vec<_>>()
    });
    for other in others {
        assert_eq!(
            (&first.stdout, first.usage.fuel, first.usage.cpu_us),
            (&other.stdout, other.usage.fuel, other.usage.cpu_us)
        );
    }
}

#[test]
fn nothing_survives_from_one_test_to_the_next() {
    let source = "import builtins, os\nprint(hasattr(builtins, 'mark'), os.environ.get('MARK'))\nbuiltins.mark = 1\nos.environ['MARK'] = '1'\n";
    let inputs: [&[u8]; 3] = [b"", b"", b""];
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job(source), &inputs, &limits()))
        .unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.stdout == b"False None\n")
    );
    assert_eq!(outcomes.len(), 3);
}

#[test]
fn a_batch_stops_when_told_and_a_bad_source_stands_for_all() {
    let inputs: [&[u8]; 3] = [b"1\n", b"2\n", b"3\n"];
    let outcomes = sandbox()
        .run_batch(
            &Batch::new(&job("print(input())"), &inputs, &limits())
                .going_on_while(&|index, _| index < 1),
        )
        .unwrap();
    assert_eq!(outcomes.len(), 2);
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job("print("), &inputs, &limits()))
        .unwrap();
    assert_eq!(outcomes.len(), 3);
    for outcome in outcomes {
        assert_eq!(outcome.status, Status::CompileError);
        assert!(
            text(&outcome.stderr).contains("SyntaxError"),
            "{}",
            text(&outcome.stderr)
        );
    }
}

#[test]
fn a_pair_talks() {
    let left = job("print(20, flush=True)\nimport sys\nsys.stderr.write(input())\n");
    let right = job("print(int(input()) + 1, flush=True)\n");
    let (left, right) = sandbox()
        .run_pair(
            &Cancel::never(),
            Side::new(&left, &limits()),
            Side::new(&right, &limits()),
        )
        .unwrap();
    assert_eq!(
        (left.status, right.status),
        (Status::Exited(0), Status::Exited(0))
    );
    assert_eq!(left.stderr, b"21");
}
