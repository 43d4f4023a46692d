//! Finds the crates.io packages that carry CPython for WebAssembly, and puts what is needed of them where the crate
//! can include it.
//!
//! `eryx-runtime` has the interpreter and the C library as linkable WebAssembly, `eryx` the standard library of the
//! same build. Neither can be an ordinary dependency: they would bring a second wasmtime and much else that is not
//! used. So cargo is asked to fetch the two packages, which it does by the same configuration, mirror and cache as for
//! every dependency; the archives are checked against pinned sums before anything is taken from them.
//! `RLEF_CPYTHON_CRATES` names a directory with the two archives for machines without network.
//! Where they cannot be had, the build goes on without Python under WebAssembly, and the sandbox says so.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(carries_cpython)");
    #[cfg(feature = "wasm")]
    python::run();
}

#[cfg(feature = "wasm")]
mod python {
    use std::io::{Read, Write};
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::{env, fs};

    const CRATES: [(&str, &str, &str); 2] = [
        (
            "eryx-runtime",
            "0.5.0",
            "48c184818559c5a2d592441d3107e73806c87c3c2657c3d96491dbf71631bc36",
        ),
        (
            "eryx",
            "0.5.0",
            "b3256adcd68b018d035d9d64949cc68537d70e9d87a7a529d731578fa0360c0a",
        ),
    ];
    /// Files taken from the first archive, then from the second.
    const WANTED: [&[&str]; 2] = [
        &[
            "libs/libc.so.zst",
            "libs/libpython3.14.so.zst",
            "libs/libwasi-emulated-getpid.so.zst",
            "libs/libwasi-emulated-process-clocks.so.zst",
            "libs/libwasi-emulated-signal.so.zst",
        ],
        &["python-stdlib.tar.gz"],
    ];

    pub(crate) fn run() {
        println!("cargo::rerun-if-env-changed=RLEF_CPYTHON_CRATES");
        match carry() {
            Ok(()) => println!("cargo::rustc-cfg=carries_cpython"),
            Err(reason) => println!(
                "cargo::warning=Python will not run under WebAssembly isolation: {reason}; give the archives in the \
                 directory RLEF_CPYTHON_CRATES and build again"
            ),
        }
    }

    fn carry() -> Result<(), String> {
        let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
        for ((name, version, sum), wanted) in CRATES.into_iter().zip(WANTED) {
            let archive = find(name, version)?;
            let bytes = fs::read(&archive)
                .map_err(|error| format!("failed to read {}: {error}", archive.display()))?;
            let found = sha256(&bytes);
            if found != sum {
                return Err(format!(
                    "{} has the SHA-256 sum {found}, expected {sum}",
                    archive.display()
                ));
            }
            take(&bytes, wanted, &out)
                .map_err(|error| format!("failed to unpack {}: {error}", archive.display()))?;
        }
        Ok(())
    }

    /// The archive of a package: where the variable says, in cargo's cache, or fetched into it.
    fn find(name: &str, version: &str) -> Result<PathBuf, String> {
        let file = format!("{name}-{version}.crate");
        if let Some(directory) = env::var_os("RLEF_CPYTHON_CRATES") {
            return Ok(PathBuf::from(directory).join(file));
        }
        let home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
            .ok_or("neither CARGO_HOME nor HOME is set")?;
        if let Some(found) = cached(&home, &file) {
            return Ok(found);
        }
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["info", "--quiet", &format!("{name}@{version}")])
            // From its own directory cargo would only describe this workspace's packages.
            .current_dir(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?)
            .output()
            .map_err(|error| format!("failed to start cargo: {error}"))?;
        cached(&home, &file).ok_or_else(|| {
            format!(
                "cargo cannot fetch {name} {version}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )
        })
    }

    fn cached(home: &Path, file: &str) -> Option<PathBuf> {
        let registries = fs::read_dir(home.join("registry/cache")).ok()?;
        registries
            .filter_map(Result::ok)
            .map(|registry| registry.path().join(file))
            .find(|path| path.is_file())
    }

    fn take(archive: &[u8], wanted: &[&str], out: &Path) -> Result<(), String> {
        let mut entries = tar::Archive::new(flate2::read::GzDecoder::new(archive));
        let mut missing = wanted.to_vec();
        for entry in entries.entries().map_err(|error| error.to_string())? {
            let mut entry = entry.map_err(|error| error.to_string())?;
            let path = entry
                .path()
                .map_err(|error| error.to_string())?
                .into_owned();
            let inner: PathBuf = path.components().skip(1).collect();
            let Some(position) = missing.iter().position(|name| inner == Path::new(name)) else {
                continue;
            };
            missing.swap_remove(position);
            let mut bytes = Vec::new();
            entry
                .read_to_end(&mut bytes)
                .map_err(|error| error.to_string())?;
            let name = inner.file_name().ok_or("an entry has no name")?;
            fs::File::create(out.join(name))
                .and_then(|mut file| file.write_all(&bytes))
                .map_err(|error| error.to_string())?;
        }
        match missing.first() {
            None => Ok(()),
            Some(name) => Err(format!("it has no {name}")),
        }
    }

    fn sha256(bytes: &[u8]) -> String {
        use sha2::{Digest, Sha256};
        format!("{:x}", Sha256::digest(bytes))
    }
}
