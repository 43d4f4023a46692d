//! scratch
use rlef_sandbox::*;
use std::time::Instant;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (11..15).map(|i| f[i].parse::<f64>().unwrap()).sum::<f64>() * 10.0
}
fn jailcpu() -> f64 {
    let mut t = 0.0;
    for e in std::fs::read_dir("/sys/fs/cgroup/cpuacct").unwrap().flatten() {
        if e.file_name().to_string_lossy().starts_with("rlef-") {
            t += std::fs::read_to_string(e.path().join("cpuacct.usage")).unwrap().trim().parse::<f64>().unwrap() / 1e6;
        }
    }
    t
}
fn main() {
    jail_entry();
    let sandbox = Sandbox::new(SandboxConfig { workers: 1, ..Default::default() }).unwrap();
    let job = Job { language: Language::Python, source: std::fs::read(std::env::args().nth(1).unwrap()).unwrap(), start: Start::Fork };
    for (programs, tests) in [(300, 1), (40, 20)] {
        let inputs = vec![&b"1 2 3\n"[..]; tests];
        let (t, c, j) = (Instant::now(), cpu(), jailcpu());
        let mut mine = 0;
        for _ in 0..programs {
            let o = sandbox.run_batch(&job, &inputs, &Limits::default(), &mut |_, o| { assert_eq!(o.status, Status::Exited(0), "{o:?}"); mine += o.usage.cpu_us; true }).unwrap();
            assert_eq!(o.len(), tests);
        }
        let n = (programs * tests) as f64;
        println!("{programs}x{tests}: per test wall {:.2} ms, supervisor cpu {:.2}, jail cpu {:.2}, reported {:.2}", t.elapsed().as_secs_f64() * 1e3 / n, (cpu() - c) / n, (jailcpu() - j) / n, mine as f64 / 1e3 / n);
    }
}
