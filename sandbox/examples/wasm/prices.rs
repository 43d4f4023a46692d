//! How many times its CPU limit does a module take that does one thing only? What the tariff of modules is made by.

use std::process::ExitCode;

use rlef_sandbox::{Isolation, Language, Limits, Status};

use super::{Failure, job, measure, sandbox};

/// A name, and what is done a hundred times in a pass around a loop, to the local `$x` or to `$f`, each time with what the
/// time before gave.
const CHAINS: [(&str, &str); 44] = [
    ("nothing", ""),
    (
        "add",
        "(local.set $x (i64.add (local.get $x) (local.get $y)))",
    ),
    (
        "multiply and add",
        "(local.set $x (i64.add (i64.mul (local.get $x) (i64.const 3)) (i64.const 5)))",
    ),
    (
        "four independent adds",
        "(local.set $x (i64.add (local.get $x) (local.get $y))) (local.set $z (i64.add (local.get $z) (local.get $y))) (local.set $v (i64.add (local.get $v) (local.get $y))) (local.set $w (i64.add (local.get $w) (local.get $y)))",
    ),
    (
        "rotate",
        "(local.set $x (i64.rotl (local.get $x) (local.get $x)))",
    ),
    (
        "count bits",
        "(local.set $x (i64.add (i64.popcnt (local.get $x)) (local.get $y)))",
    ),
    (
        "trailing zeros",
        "(local.set $x (i64.add (i64.ctz (local.get $x)) (local.get $y)))",
    ),
    (
        "select",
        "(local.set $x (select (local.get $y) (i64.add (local.get $x) (i64.const 1)) (i64.lt_u (local.get $x) (i64.const 9))))",
    ),
    (
        "divide 64 bits",
        "(local.set $x (i64.div_u (i64.const 987654321987654321) (i64.or (local.get $x) (i64.const 1))))",
    ),
    (
        "divide 64 bits, large",
        "(local.set $x (i64.div_s (i64.const -9087654321987654321) (i64.or (i64.and (local.get $x) (i64.const 3)) (i64.const 1))))",
    ),
    (
        "remainder 32 bits",
        "(local.set $i32 (i32.rem_u (i32.const 2087654321) (i32.or (local.get $i32) (i32.const 1))))",
    ),
    (
        "float add",
        "(local.set $f (f64.add (local.get $f) (f64.const 1.5)))",
    ),
    (
        "float multiply",
        "(local.set $f (f64.mul (local.get $f) (f64.const 1.0000001)))",
    ),
    (
        "float divide",
        "(local.set $f (f64.div (f64.const 7.5) (local.get $f)))",
    ),
    ("square root", "(local.set $f (f64.sqrt (local.get $f)))"),
    (
        "float maximum",
        "(local.set $f (f64.max (local.get $f) (f64.const 1.5)))",
    ),
    ("ceiling", "(local.set $f (f64.ceil (local.get $f)))"),
    (
        "copy a sign",
        "(local.set $f (f64.copysign (local.get $f) (f64.const -1)))",
    ),
    (
        "to float and back",
        "(local.set $x (i64.trunc_f64_s (f64.convert_i64_s (local.get $x))))",
    ),
    (
        "to float and back, unsigned and saturating",
        "(local.set $x (i64.trunc_sat_f64_u (f64.convert_i64_u (local.get $x))))",
    ),
    (
        "compare floats",
        "(local.set $f (f64.convert_i32_u (f64.lt (local.get $f) (f64.const 2))))",
    ),
    (
        "follow a pointer in the cache",
        "(local.set $i32 (i32.load (local.get $i32)))",
    ),
    (
        "add to memory",
        "(i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (local.get $y)))",
    ),
    (
        "add to a global",
        "(global.set $g (i64.add (global.get $g) (local.get $y)))",
    ),
    (
        "branch at random",
        "(local.set $x (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407))) (if (i64.lt_s (local.get $x) (i64.const 0)) (then (i64.store (i32.const 72) (local.get $x))))",
    ),
    (
        "branch at random by a table",
        "(local.set $x (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407))) (block (block (block (block (br_table 0 1 2 3 (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 62))))) (i64.store (i32.const 72) (local.get $x)) (br 2)) (i64.store (i32.const 80) (local.get $x)) (br 1)) (i64.store (i32.const 88) (local.get $x)))",
    ),
    ("call", "(local.set $x (call $leaf (local.get $x)))"),
    (
        "call what calls",
        "(local.set $x (call $middle (local.get $x)))",
    ),
    (
        "call by a table",
        "(local.set $x (call_indirect (param i64) (result i64) (local.get $x) (i32.const 0)))",
    ),
    (
        "fill 64 KB",
        "(memory.fill (i32.const 4096) (i32.const 1) (i32.const 60000))",
    ),
    (
        "fill 8 bytes",
        "(memory.fill (i32.const 4096) (i32.const 1) (i32.const 8))",
    ),
    (
        "copy 30 KB",
        "(memory.copy (i32.const 4096) (i32.const 34816) (i32.const 30000))",
    ),
    ("read a table", "(drop (table.get (i32.const 0)))"),
    (
        "fill a table",
        "(table.fill (i32.const 2) (ref.null func) (i32.const 200))",
    ),
    (
        "refer to a function",
        "(table.set (i32.const 1) (ref.func $leaf))",
    ),
    ("size of memory", "(local.set $i32 (memory.size))"),
    (
        "grow by nothing",
        "(local.set $i32 (memory.grow (i32.const 0)))",
    ),
    (
        "vectors: add",
        "(local.set $s (i8x16.add (local.get $s) (local.get $s)))",
    ),
    (
        "vectors: multiply 64 bits",
        "(local.set $s (i64x2.mul (local.get $s) (local.get $s)))",
    ),
    (
        "vectors: shift bytes",
        "(local.set $s (i8x16.shr_s (local.get $s) (local.get $i32)))",
    ),
    (
        "vectors: count bits",
        "(local.set $s (i8x16.popcnt (local.get $s)))",
    ),
    (
        "vectors: divide",
        "(local.set $s (f64x2.div (v128.const f64x2 3 7) (local.get $s)))",
    ),
    (
        "vectors: minimum",
        "(local.set $s (f32x4.min (local.get $s) (v128.const f32x4 1 2 3 4)))",
    ),
    (
        "vectors: to integers",
        "(local.set $s (i32x4.trunc_sat_f32x4_u (local.get $s)))",
    ),
];

/// Whole modules: a name and what comes after the memory.
fn others() -> Vec<(&'static str, String)> {
    let work = "i64.const 3 i64.mul i64.const 5 i64.add ".repeat(40_000);
    let counted = |body: &str, passes: u32| {
        format!(
            "(func (export \"_start\") (local $i i32) (local $x i64) (loop $l {body} (local.set $i (i32.add (local.get $i) \
             (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const {passes})))) (i64.store (i32.const 8) (local.get $x)))"
        )
    };
    let far = "(local.set $i (i32.const 0)) (loop $l (local.set $a (i32.add (i32.mul (i32.add (local.get $a) (local.get $i)) \
        (i32.const 1664525)) (i32.const 1013904223))) (local.set $a (i32.add (local.get $a) (i32.load (i32.and (local.get $a) \
        (i32.const 268435452))))) (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) \
        (i32.const 3000000))))";
    vec![
        (
            "a long function without loops",
            format!(
                "(func $leaf (param i64) (result i64) local.get 0 {work}) {}",
                counted("(local.set $x (call $leaf (local.get $x)))", 2_000)
            ),
        ),
        (
            "a long branch",
            counted(
                &format!("(if (i32.ge_u (local.get $i) (i32.const 0)) (then local.get $x {work} local.set $x))"),
                2_000,
            ),
        ),
        (
            "tail calls",
            "(func $r (param i32) (if (local.get 0) (then (return_call $r (i32.sub (local.get 0) (i32.const 1)))))) \
             (func (export \"_start\") (call $r (i32.const 100000000)))"
                .to_owned(),
        ),
        (
            "recursion",
            "(func $f (param i32) (result i32) (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0)) \
             (else (i32.add (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 2))))))) \
             (func (export \"_start\") (drop (call $f (i32.const 36))))"
                .to_owned(),
        ),
        (
            "sieve",
            "(func (export \"_start\") (local $i i32) (local $j i32) (local.set $i (i32.const 2)) (loop $o (if (i32.eqz (i32.load8_u \
             (local.get $i))) (then (local.set $j (i32.mul (local.get $i) (local.get $i))) (if (i32.lt_u (local.get $i) (i32.const 2000)) \
             (then (loop $n (if (i32.lt_u (local.get $j) (i32.const 4000000)) (then (i32.store8 (local.get $j) (i32.const 1)) (local.set \
             $j (i32.add (local.get $j) (local.get $i))) (br $n))))))))) (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $o \
             (i32.lt_u (local.get $i) (i32.const 4000000)))))"
                .to_owned(),
        ),
        (
            "product of matrices",
            "(func (export \"_start\") (local $i i32) (local $j i32) (local $k i32) (local $f f64) (loop $a (local.set $j (i32.const 0)) \
             (loop $b (local.set $k (i32.const 0)) (local.set $f (f64.const 0)) (loop $c (local.set $f (f64.add (local.get $f) (f64.mul \
             (f64.load (i32.add (i32.mul (local.get $i) (i32.const 1600)) (i32.mul (local.get $k) (i32.const 8)))) (f64.load offset=400000 \
             (i32.add (i32.mul (local.get $k) (i32.const 1600)) (i32.mul (local.get $j) (i32.const 8))))))) (local.set $k (i32.add \
             (local.get $k) (i32.const 1))) (br_if $c (i32.lt_u (local.get $k) (i32.const 200)))) (f64.store offset=800000 (i32.add \
             (i32.mul (local.get $i) (i32.const 1600)) (i32.mul (local.get $j) (i32.const 8))) (local.get $f)) (local.set $j (i32.add \
             (local.get $j) (i32.const 1))) (br_if $b (i32.lt_u (local.get $j) (i32.const 200)))) (local.set $i (i32.add (local.get $i) \
             (i32.const 1))) (br_if $a (i32.lt_u (local.get $i) (i32.const 200)))))"
                .to_owned(),
        ),
        (
            "memory: random reads of 256 MB",
            format!("(func (export \"_start\") (local $i i32) (local $a i32) {far})"),
        ),
        (
            "memory: the same after every page was written to",
            format!(
                "(func (export \"_start\") (local $i i32) (local $a i32) (memory.fill (i32.const 0) (i32.const 1) (i32.const 268435456)) \
                 {far} (local.set $a (i32.const 7)) {})",
                far.replace("$l", "$m")
            ),
        ),
        (
            "memory: copies of 100 MB",
            counted("(memory.copy (i32.const 0) (i32.const 120000000) (i32.const 100000000))", 10),
        ),
        (
            "memory: pages written to for the first time",
            "(func (export \"_start\") (local $i i32) (loop $l (i32.store (local.get $i) (i32.const 1)) (local.set $i (i32.add (local.get \
             $i) (i32.const 4096))) (br_if $l (i32.lt_u (local.get $i) (i32.const 268431360)))))"
                .to_owned(),
        ),
    ]
}

/// Measures, prints a row a module.
pub(crate) fn run(runs: usize) -> Result<ExitCode, Failure> {
    let sandbox = sandbox(Isolation::Wasm, 1)?;
    println!("module,fuel,cpu_ms,charged_ms,times_its_limit,million_fuel_per_cpu_ms");
    let chains = CHAINS.iter().map(|(name, body)| {
        let passes = match body {
            body if body.contains("60000") || body.contains("30000") => 500,
            body if body.contains("grow") || body.contains("table.fill") => 5_000,
            _ => 300_000,
        };
        let text = format!(
            "(type $kind (func (param i64) (result i64))) (table 512 funcref) (elem (i32.const 0) $leaf) (global $g (mut i64) (i64.const 7)) \
             (func $leaf (param i64) (result i64) (i64.add (local.get 0) (i64.const 3))) \
             (func $middle (param i64) (result i64) (i64.add (call $leaf (local.get 0)) (call $leaf (local.get 0)))) \
             (func (export \"_start\") (local $i i32) (local $i32 i32) (local $x i64) (local $y i64) (local $z i64) (local $v i64) \
             (local $w i64) (local $f f64) (local $s v128) (local.set $y (i64.load (i32.const 16))) (local.set $f (f64.const 2.5)) \
             (loop $l {} (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const {passes})))) \
             (i64.store (i32.const 24) (i64.add (i64.add (local.get $x) (i64.extend_i32_u (local.get $i32))) (i64.add (local.get $z) (i64.add (local.get $v) (local.get $w))))) \
             (f64.store (i32.const 32) (local.get $f)) (v128.store (i32.const 48) (local.get $s)))",
            if body.is_empty() { String::new() } else { body.repeat(100) },
        );
        // What does nothing in a pass needs more of them.
        (*name, if body.is_empty() { text.replace("300000", "300000000") } else { text })
    });
    let limits = Limits {
        cpu_ms: 100_000,
        wall_ms: 1_000_000,
        ..Limits::default()
    };
    for (name, text) in chains.chain(others()) {
        let source = format!("(module (memory (export \"memory\") 4096) {text})");
        let mut best: Option<(f64, u64, f64)> = None;
        for run in 0..=runs {
            let (outcome, _, cpu) =
                measure(|| sandbox.run(&job(Language::Wasm, &source), b"", &limits));
            let outcome = outcome?;
            if outcome.status != Status::Exited(0) {
                let said = String::from_utf8_lossy(&outcome.stderr);
                return Err(format!("measure {name}: {:?}: {said}", outcome.status).into());
            }
            let charged = outcome.usage.cpu_us as f64 / 1000.0;
            let cpu = 1000.0 * cpu.as_secs_f64();
            // The first run compiles. Of the others the fastest was disturbed the least.
            if run > 0 && best.is_none_or(|(fastest, ..)| cpu < fastest) {
                best = Some((cpu, outcome.usage.fuel.unwrap_or(0), charged));
            }
        }
        if let Some((cpu, fuel, charged)) = best {
            println!(
                "{name},{fuel},{cpu:.1},{charged:.1},{:.2},{:.2}",
                cpu / charged,
                fuel as f64 / cpu / 1e6
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
