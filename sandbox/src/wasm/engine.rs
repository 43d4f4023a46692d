//! The engine: how modules are compiled and instances laid out. One per process, shared by all sandboxes.
//!
//! Everything that could differ between two runs of one module is off: threads, relaxed vectors, real clocks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

/// Bytes of native stack that guest frames may take.
pub(super) const GUEST_STACK: usize = 256 << 20;
/// Bytes of stack of the thread that runs a guest: the guest's, and room for the host's own frames.
pub(super) const THREAD_STACK: usize = GUEST_STACK + (16 << 20);
/// Wall time between two ticks of the backstop.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// Largest image that is mapped copy-on-write even where it has holes.
const IMAGE: u64 = 256 << 20;
/// Instances at once: two for each worker of the largest machine we expect, as address space costs nothing.
const INSTANCES: u32 = 256;
/// Tables of one module.
const TABLES: u32 = 4;
/// Bytes of pages that a run wrote to and that are copied back for the next one, which is cheaper than faults.
const KEPT: usize = 32 << 20;

/// What every engine here has in common; they differ in how well they optimise.
pub(super) fn config(optimise: bool) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(THREAD_STACK)
        .wasm_relaxed_simd(false)
        .memory_init_cow(true)
        .memory_guaranteed_dense_image_size(IMAGE)
        .wasm_backtrace_max_frames(None)
        .cranelift_opt_level(if optimise {
            OptLevel::Speed
        } else {
            OptLevel::None
        });
    config
}

/// Room for so many instances and tables; what one module may have is the same whatever they are.
fn pooled(instances: u32, tables: u32) -> Config {
    // The kernel says which pages were written to since Linux 6.7; before, all are given back.
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(instances)
        .total_memories(instances)
        .total_tables(tables)
        .max_memories_per_module(1)
        .max_tables_per_module(TABLES)
        .table_elements(1 << 20)
        .max_memory_size(1 << 32)
        .linear_memory_keep_resident(if scan { KEPT } else { 0 })
        .table_keep_resident(if scan { KEPT } else { 0 })
        .pagemap_scan(if scan { Enabled::Yes } else { Enabled::No })
        .max_unused_warm_slots(16);
    let mut config = config(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// The engine of this process.
pub(super) fn engine() -> wasmtime::Result<&'static Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let engine = Engine::new(&pooled(INSTANCES, INSTANCES))?;
    Ok(ENGINE.get_or_init(|| engine))
}

/// Another like it, for a process that compiles one module on one core.
pub(super) fn alone() -> wasmtime::Result<Engine> {
    let mut config = pooled(1, TABLES);
    config.parallel_compilation(false);
    Engine::new(&config)
}

/// Ticks while any run is in progress; the ticks are what interrupts a run at its wall backstop.
#[derive(Debug)]
pub(super) struct Ticking;

static RUNS: AtomicUsize = AtomicUsize::new(0);
static AWAKE: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

impl Ticking {
    /// Keeps the clock ticking until dropped.
    pub(super) fn start(engine: &'static Engine) -> Self {
        static THREAD: OnceLock<()> = OnceLock::new();
        RUNS.fetch_add(1, Ordering::SeqCst);
        THREAD.get_or_init(|| {
            let tick = move || {
                loop {
                    let idle = AWAKE.0.lock().unwrap_or_else(PoisonError::into_inner);
                    let awake = AWAKE
                        .1
                        .wait_while(idle, |()| RUNS.load(Ordering::SeqCst) == 0);
                    drop(awake);
                    thread::sleep(TICK);
                    engine.increment_epoch();
                }
            };
            // Without this thread a run has no wall backstop; its fuel still ends it.
            drop(
                thread::Builder::new()
                    .name("rlef-wasm-clock".to_owned())
                    .spawn(tick),
            );
        });
        let _guard = AWAKE.0.lock().unwrap_or_else(PoisonError::into_inner);
        AWAKE.1.notify_one();
        Self
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        RUNS.fetch_sub(1, Ordering::SeqCst);
    }
}
