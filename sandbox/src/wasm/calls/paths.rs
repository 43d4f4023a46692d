//! Calls on paths: `path_*`. Files are read-only; a few paths are devices, by which our interpreter talks to the host.

use wasmtime::Linker;

use super::{
    Answer, Call, WASI, charge, conclude, errno, filetype, memory, no, part, put, put_filestat,
};
use crate::wasm::files::{Found, normal};
use crate::wasm::host::{Host, Open, Stop};

/// Fuel of finding a path, beyond that of any call: a text is made of it and looked up.
const FUEL_PER_PATH: u64 = 20_000;
/// Names below `/dev/fd` that are more than files; what our own interpreter uses to rebind descriptors.
const REBIND: &str = "dev/rlef/rebind/";
/// The path by which our own interpreter says that a program asked for something that is not here.
const LACKING: &str = "dev/rlef/lacking/";
/// The same for one that does nothing about it, and so ends here.
const ENDS: &str = "dev/rlef/ends/";
/// The path by which it says that a program started threads.
const THREADS: &str = "dev/rlef/threads";

/// Where a Linux host has files that a program might read, and nothing is here.
const ELSEWHERE: [&str; 9] = [
    "proc/", "sys/", "etc/", "dev/", "tmp/", "box/", "home/", "root/", "usr/",
];

/// What is said of a change of files, as by a file system that is only to be read.
pub(super) fn not_writable<T>(host: &mut Host) -> Answer<T> {
    host.lacks("files that can be written");
    no(errno::ROFS)
}

fn path(memory: &mut [u8], at: u32, length: u32) -> Answer<String> {
    if length > 4096 {
        return no(errno::NAMETOOLONG);
    }
    Ok(String::from_utf8_lossy(part(memory, at, length)?).into_owned())
}

fn path_filestat_get(
    caller: &mut Call<'_>,
    number: u32,
    at: u32,
    length: u32,
    out: u32,
) -> Answer<()> {
    charge(caller, FUEL_PER_PATH + u64::from(length))?;
    let (memory, host) = memory(caller)?;
    let wanted = path(memory, at, length)?;
    let Some(Open::Directory(directory)) = host.descriptor(number) else {
        return no(errno::BADF);
    };
    let wanted = normal(directory, &wanted);
    if wanted == "dev/null" {
        return put_filestat(memory, out, filetype::CHARACTER, 0, 1);
    }
    // An inode that depends on nothing but the path.
    let inode = wanted
        .bytes()
        .fold(14_695_981_039_346_656_037_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
        });
    match host.files().find(&wanted) {
        Some(Found::File(bytes)) => {
            put_filestat(memory, out, filetype::REGULAR, bytes.len() as u64, inode)
        }
        Some(Found::Directory) => put_filestat(memory, out, filetype::DIRECTORY, 0, inode),
        None => no(errno::NOENT),
    }
}

/// What a path that is no file stands for, if anything.
fn device(host: &mut Host, wanted: &str) -> Answer<Option<Open>> {
    if let Some(what) = wanted.strip_prefix(LACKING) {
        host.lacks(what);
        return no(errno::NOTSUP);
    }
    if let Some(what) = wanted.strip_prefix(ENDS) {
        host.lacks(what);
        return Err(Stop::Lacking.into());
    }
    if wanted == THREADS {
        host.threads = true;
        return no(errno::NOTSUP);
    }
    if let Some(pair) = wanted.strip_prefix(REBIND) {
        let numbers: Vec<u32> = pair
            .split('-')
            .filter_map(|part| part.parse().ok())
            .collect();
        let [from, to] = numbers[..] else {
            return no(errno::INVAL);
        };
        let Some(open) = host.descriptor(from).cloned() else {
            return no(errno::BADF);
        };
        if !host.set(to, open) {
            return no(errno::MFILE);
        }
        return Ok(Some(Open::Null));
    }
    let number = match wanted {
        "dev/null" => return Ok(Some(Open::Null)),
        "dev/stdin" => 0,
        "dev/stdout" => 1,
        "dev/stderr" => 2,
        _ => match wanted.strip_prefix("dev/fd/").map(str::parse) {
            Some(Ok(number)) => number,
            _ => return Ok(None),
        },
    };
    match host.descriptor(number).cloned() {
        Some(open) => Ok(Some(open)),
        None => no(errno::BADF),
    }
}

fn path_open(
    caller: &mut Call<'_>,
    number: u32,
    at: u32,
    length: u32,
    (flags, rights): (u32, u64),
    out: u32,
) -> Answer<()> {
    const WRITE: u64 = 1 << 6;
    const CREATE: u32 = 1;
    const DIRECTORY: u32 = 2;
    const TRUNCATE: u32 = 8;
    charge(caller, FUEL_PER_PATH + u64::from(length))?;
    let (memory, host) = memory(caller)?;
    let wanted = path(memory, at, length)?;
    let Some(Open::Directory(directory)) = host.descriptor(number) else {
        return no(errno::BADF);
    };
    let wanted = normal(directory, &wanted);
    let open = match device(host, &wanted)? {
        Some(open) => open,
        None => match host.files().find(&wanted) {
            Some(Found::File(_)) if flags & DIRECTORY != 0 => return no(errno::NOTDIR),
            Some(Found::File(bytes)) if flags & TRUNCATE == 0 && rights & WRITE == 0 => {
                Open::File { bytes, at: 0 }
            }
            Some(Found::Directory) => Open::Directory(wanted),
            // While the interpreter is started it looks for much that need not be there.
            None if flags & (CREATE | TRUNCATE) == 0
                && host.environment.is_empty()
                && ELSEWHERE
                    .iter()
                    .any(|place| format!("{wanted}/").starts_with(place)) =>
            {
                host.lacks(format!("file '/{wanted}'"));
                return no(errno::NOENT);
            }
            None if flags & (CREATE | TRUNCATE) == 0 => return no(errno::NOENT),
            _ => return not_writable(host),
        },
    };
    match host.add(open) {
        Some(new) => put(memory, out, new.to_le_bytes()),
        None => no(errno::MFILE),
    }
}

/// Adds these calls.
pub(super) fn add_to(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        WASI,
        "path_filestat_get",
        |mut caller: Call<'_>, number: u32, _follow: u32, at: u32, length: u32, out: u32| {
            conclude(path_filestat_get(&mut caller, number, at, length, out))
        },
    )?;
    linker.func_wrap(
        WASI,
        "path_open",
        |mut caller: Call<'_>,
         number: u32,
         _follow: u32,
         at: u32,
         length: u32,
         flags: u32,
         rights: u64,
         _inherited: u64,
         _status: u32,
         out: u32| {
            conclude(path_open(
                &mut caller,
                number,
                at,
                length,
                (flags, rights),
                out,
            ))
        },
    )?;
    Ok(())
}
