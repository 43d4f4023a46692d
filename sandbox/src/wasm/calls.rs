//! The host calls of WASI preview 1, on the state in `host`. What is not here answers "not supported".
//!
//! Every call burns fuel for itself and for the bytes it moves, so a flood of calls ends like any other loop. Layouts
//! and numbers are those of `wasi_snapshot_preview1.witx`.

use wasmtime::{Caller, Extern, FuncType, Linker, Trap, Val, ValType};

use super::files::{Found, normal};
use super::host::{EPOCH_NS, Host, Open, Stop};

/// The module that guests import from.
pub(super) const WASI: &str = "wasi_snapshot_preview1";

/// Fuel of a call: about what a guest burns in the time a call takes.
const FUEL_PER_CALL: u64 = 2_000;
/// Most buffers of one read or write, and most events of one poll.
const MOST_PARTS: u32 = 1024;
/// Names below `/dev/fd` that are more than files; what our own interpreter uses to rebind descriptors.
const REBIND: &str = "dev/rlef/rebind/";
/// The path by which our own interpreter says that a program needs something that is not here.
const UNSUPPORTED: &str = "dev/rlef/unsupported/";

mod errno {
    pub(super) const SUCCESS: i32 = 0;
    pub(super) const BADF: i32 = 8;
    pub(super) const FAULT: i32 = 21;
    pub(super) const INVAL: i32 = 28;
    pub(super) const ISDIR: i32 = 31;
    pub(super) const MFILE: i32 = 33;
    pub(super) const NAMETOOLONG: i32 = 37;
    pub(super) const NOENT: i32 = 44;
    pub(super) const NOTDIR: i32 = 54;
    pub(super) const NOTSUP: i32 = 58;
    pub(super) const PIPE: i32 = 64;
    pub(super) const SPIPE: i32 = 70;
}

mod filetype {
    pub(super) const UNKNOWN: u8 = 0;
    pub(super) const CHARACTER: u8 = 2;
    pub(super) const DIRECTORY: u8 = 3;
    pub(super) const REGULAR: u8 = 4;
}

/// An error number for the guest, or the end of the run.
enum Failure {
    Errno(i32),
    End(wasmtime::Error),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::End(stop.into())
    }
}

type Answer<T> = Result<T, Failure>;
type Call<'a> = Caller<'a, Host>;

const fn no<T>(number: i32) -> Answer<T> {
    Err(Failure::Errno(number))
}

fn conclude(answer: Answer<()>) -> wasmtime::Result<i32> {
    match answer {
        Ok(()) => Ok(errno::SUCCESS),
        Err(Failure::Errno(number)) => Ok(number),
        Err(Failure::End(error)) => Err(error),
    }
}

/// Burns fuel for a call that moves this many bytes.
fn charge(caller: &mut Call<'_>, bytes: u64) -> Answer<()> {
    let left = caller.get_fuel().map_err(Failure::End)?;
    let cost = FUEL_PER_CALL.saturating_add(bytes);
    caller
        .set_fuel(left.saturating_sub(cost))
        .map_err(Failure::End)?;
    if left < cost {
        return Err(Failure::End(Trap::OutOfFuel.into()));
    }
    Ok(())
}

fn memory<'a>(caller: &'a mut Call<'_>) -> Answer<(&'a mut [u8], &'a mut Host)> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    match memory {
        Some(memory) => Ok(memory.data_and_store_mut(caller)),
        None => no(errno::FAULT),
    }
}

fn part(memory: &mut [u8], at: u32, length: u32) -> Answer<&mut [u8]> {
    let (at, length) = (at as usize, length as usize);
    match at
        .checked_add(length)
        .and_then(|end| memory.get_mut(at..end))
    {
        Some(part) => Ok(part),
        None => no(errno::FAULT),
    }
}

fn put<const N: usize>(memory: &mut [u8], at: u32, bytes: [u8; N]) -> Answer<()> {
    part(memory, at, N as u32)?.copy_from_slice(&bytes);
    Ok(())
}

fn get<const N: usize>(memory: &mut [u8], at: u32) -> Answer<[u8; N]> {
    let mut bytes = [0; N];
    bytes.copy_from_slice(part(memory, at, N as u32)?);
    Ok(bytes)
}

fn u32_at(memory: &mut [u8], at: u32) -> Answer<u32> {
    get(memory, at).map(u32::from_le_bytes)
}

/// The `(address, length)` pairs of a vectored read or write.
fn vectors(memory: &mut [u8], at: u32, count: u32) -> Answer<Vec<(u32, u32)>> {
    if count > MOST_PARTS {
        return no(errno::INVAL);
    }
    (0..count)
        .map(|index| {
            let at = at.wrapping_add(8 * index);
            Ok((u32_at(memory, at)?, u32_at(memory, at.wrapping_add(4))?))
        })
        .collect()
}

fn path(memory: &mut [u8], at: u32, length: u32) -> Answer<String> {
    if length > 4096 {
        return no(errno::NAMETOOLONG);
    }
    Ok(String::from_utf8_lossy(part(memory, at, length)?).into_owned())
}

fn fd_read(caller: &mut Call<'_>, number: u32, at: u32, count: u32, out: u32) -> Answer<()> {
    let (memory, host) = memory(caller)?;
    let Some(open) = host.descriptor(number).cloned() else {
        return no(errno::BADF);
    };
    let mut total = 0;
    for (address, length) in vectors(memory, at, count)? {
        let buffer = part(memory, address, length)?;
        let read = match &open {
            Open::Input => host.read_input(buffer)?,
            Open::Null => 0,
            Open::File { bytes, at } => {
                let rest = bytes.get(*at as usize + total..).unwrap_or_default();
                let read = rest.len().min(buffer.len());
                buffer[..read].copy_from_slice(&rest[..read]);
                read
            }
            Open::Directory(_) => return no(errno::ISDIR),
            Open::Output | Open::Error => return no(errno::BADF),
        };
        total += read;
        // A short read of a pipe must not wait for more.
        if read < length as usize {
            break;
        }
        if matches!(open, Open::Input) && matches!(host.input, super::host::Input::Pipe(_)) {
            break;
        }
    }
    if let Some(Open::File { at, .. }) = host.descriptor_mut(number) {
        *at += total as u64;
    }
    put(memory, out, (total as u32).to_le_bytes())?;
    charge(caller, total as u64)
}

fn fd_write(caller: &mut Call<'_>, number: u32, at: u32, count: u32, out: u32) -> Answer<()> {
    let (memory, host) = memory(caller)?;
    let Some(open) = host.descriptor(number).cloned() else {
        return no(errno::BADF);
    };
    let mut total: u32 = 0;
    for (address, length) in vectors(memory, at, count)? {
        let bytes = part(memory, address, length)?;
        match open {
            Open::Output => {
                if !host.print(bytes)? {
                    return no(errno::PIPE);
                }
            }
            Open::Error => host.complain(bytes)?,
            Open::Null => {}
            Open::Input | Open::File { .. } | Open::Directory(_) => return no(errno::BADF),
        }
        total = total.wrapping_add(length);
    }
    put(memory, out, total.to_le_bytes())?;
    charge(caller, u64::from(total))
}

/// The file type and size of what a descriptor is.
fn kind_of(host: &Host, open: &Open) -> (u8, u64) {
    match open {
        Open::Input => match &host.input {
            super::host::Input::Bytes { bytes, .. } => (filetype::REGULAR, bytes.len() as u64),
            super::host::Input::Pipe(_) => (filetype::UNKNOWN, 0),
        },
        Open::Output | Open::Error => (filetype::UNKNOWN, 0),
        Open::Null => (filetype::CHARACTER, 0),
        Open::Directory(_) => (filetype::DIRECTORY, 0),
        Open::File { bytes, .. } => (filetype::REGULAR, bytes.len() as u64),
    }
}

fn put_filestat(memory: &mut [u8], out: u32, kind: u8, size: u64, inode: u64) -> Answer<()> {
    let mut stat = [0; 64];
    stat[8..16].copy_from_slice(&inode.to_le_bytes());
    stat[16] = kind;
    stat[24] = 1;
    stat[32..40].copy_from_slice(&size.to_le_bytes());
    for at in [40, 48, 56] {
        stat[at..at + 8].copy_from_slice(&EPOCH_NS.to_le_bytes());
    }
    put(memory, out, stat)
}

fn fd_filestat_get(caller: &mut Call<'_>, number: u32, out: u32) -> Answer<()> {
    charge(caller, 0)?;
    let (memory, host) = memory(caller)?;
    let Some(open) = host.descriptor(number) else {
        return no(errno::BADF);
    };
    let (kind, size) = kind_of(host, open);
    put_filestat(memory, out, kind, size, u64::from(number) + 1)
}

fn fd_fdstat_get(caller: &mut Call<'_>, number: u32, out: u32) -> Answer<()> {
    charge(caller, 0)?;
    let (memory, host) = memory(caller)?;
    let Some(open) = host.descriptor(number) else {
        return no(errno::BADF);
    };
    let (kind, _) = kind_of(host, open);
    let mut stat = [0; 24];
    stat[0] = kind;
    stat[8..24].fill(0xff);
    put(memory, out, stat)
}

fn fd_seek(caller: &mut Call<'_>, number: u32, offset: i64, whence: u32, out: u32) -> Answer<()> {
    charge(caller, 0)?;
    let (memory, host) = memory(caller)?;
    let (size, now) = match host.descriptor(number) {
        None => return no(errno::BADF),
        Some(Open::File { bytes, at }) => (bytes.len() as i64, *at as i64),
        Some(Open::Input) => match &host.input {
            super::host::Input::Bytes { bytes, at } => (bytes.len() as i64, *at as i64),
            super::host::Input::Pipe(_) => return no(errno::SPIPE),
        },
        Some(_) => return no(errno::SPIPE),
    };
    let base = match whence {
        0 => 0,
        1 => now,
        2 => size,
        _ => return no(errno::INVAL),
    };
    let Some(target) = base.checked_add(offset).filter(|target| *target >= 0) else {
        return no(errno::INVAL);
    };
    match host.descriptor_mut(number) {
        Some(Open::File { at, .. }) => *at = target as u64,
        _ => {
            if let super::host::Input::Bytes { at, .. } = &mut host.input {
                *at = target as usize;
            }
        }
    }
    put(memory, out, target.to_le_bytes())
}

fn fd_close(caller: &mut Call<'_>, number: u32) -> Answer<()> {
    charge(caller, 0)?;
    if caller.data_mut().close(number) {
        Ok(())
    } else {
        no(errno::BADF)
    }
}

fn fd_renumber(caller: &mut Call<'_>, from: u32, to: u32) -> Answer<()> {
    charge(caller, 0)?;
    let host = caller.data_mut();
    let Some(open) = host.descriptor(from).cloned() else {
        return no(errno::BADF);
    };
    if host.descriptor(to).is_none() {
        return no(errno::BADF);
    }
    host.close(from);
    host.set(to, open);
    Ok(())
}

fn fd_prestat_get(caller: &mut Call<'_>, number: u32, out: u32) -> Answer<()> {
    charge(caller, 0)?;
    let (memory, host) = memory(caller)?;
    match host.descriptor(number) {
        Some(Open::Directory(path)) if path.is_empty() && number == 3 => {
            put(memory, out, [0, 0, 0, 0, 1, 0, 0, 0])
        }
        _ => no(errno::BADF),
    }
}

fn fd_prestat_dir_name(caller: &mut Call<'_>, number: u32, out: u32, length: u32) -> Answer<()> {
    charge(caller, 0)?;
    let (memory, _) = memory(caller)?;
    if number != 3 || length < 1 {
        return no(errno::INVAL);
    }
    put(memory, out, *b"/")
}

fn fd_readdir(
    caller: &mut Call<'_>,
    number: u32,
    buffer: u32,
    length: u32,
    cookie: u64,
    out: u32,
) -> Answer<()> {
    let (memory, host) = memory(caller)?;
    let Some(Open::Directory(directory)) = host.descriptor(number) else {
        return no(errno::NOTDIR);
    };
    let names = host.files().list(directory);
    let mut entries = Vec::new();
    for (index, name) in names.iter().enumerate().skip(cookie as usize) {
        if entries.len() >= length as usize {
            break;
        }
        let kind = match host.files().find(&normal(directory, name)) {
            Some(Found::Directory) => filetype::DIRECTORY,
            _ => filetype::REGULAR,
        };
        entries.extend_from_slice(&(index as u64 + 1).to_le_bytes());
        entries.extend_from_slice(&(index as u64 + 1).to_le_bytes());
        entries.extend_from_slice(&(name.len() as u32).to_le_bytes());
        entries.extend_from_slice(&[kind, 0, 0, 0]);
        entries.extend_from_slice(name.as_bytes());
    }
    entries.truncate(length as usize);
    part(memory, buffer, entries.len() as u32)?.copy_from_slice(&entries);
    put(memory, out, (entries.len() as u32).to_le_bytes())?;
    charge(caller, entries.len() as u64)
}

fn path_filestat_get(
    caller: &mut Call<'_>,
    number: u32,
    at: u32,
    length: u32,
    out: u32,
) -> Answer<()> {
    charge(caller, u64::from(length))?;
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
    if let Some(reason) = wanted.strip_prefix(UNSUPPORTED) {
        return Err(Stop::Unsupported(format!("WebAssembly isolation has no {reason}")).into());
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
        host.set(to, open);
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
    flags: u32,
    out: u32,
) -> Answer<()> {
    const CREATE: u32 = 1;
    const DIRECTORY: u32 = 2;
    const TRUNCATE: u32 = 8;
    charge(caller, u64::from(length))?;
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
            Some(Found::File(bytes)) if flags & TRUNCATE == 0 => Open::File { bytes, at: 0 },
            Some(Found::Directory) => Open::Directory(wanted),
            None if flags & (CREATE | TRUNCATE) == 0 => return no(errno::NOENT),
            _ => {
                let reason = "WebAssembly isolation has no files that can be written".to_owned();
                return Err(Stop::Unsupported(reason).into());
            }
        },
    };
    match host.add(open) {
        Some(new) => put(memory, out, new.to_le_bytes()),
        None => no(errno::MFILE),
    }
}

fn clock_time_get(caller: &mut Call<'_>, clock: u32, out: u32) -> Answer<()> {
    charge(caller, 0)?;
    let left = caller.get_fuel().map_err(Failure::End)?;
    let (memory, host) = memory(caller)?;
    let elapsed = host.elapsed_ns(left);
    let now = if clock == 0 {
        EPOCH_NS.saturating_add(elapsed)
    } else {
        elapsed
    };
    put(memory, out, now.to_le_bytes())
}

/// Every descriptor is always ready; where only clocks are asked for, the earliest passes at once.
fn poll_oneoff(caller: &mut Call<'_>, input: u32, output: u32, count: u32, out: u32) -> Answer<()> {
    if count == 0 || count > MOST_PARTS {
        return no(errno::INVAL);
    }
    charge(caller, u64::from(count) * 80)?;
    let left = caller.get_fuel().map_err(Failure::End)?;
    let (memory, host) = memory(caller)?;
    let (mut clocks, mut ready) = (Vec::new(), Vec::new());
    for index in 0..count {
        let at = input.wrapping_add(48 * index);
        let user: [u8; 8] = get(memory, at)?;
        let [tag] = get::<1>(memory, at.wrapping_add(8))?;
        if tag == 0 {
            let clock = u32_at(memory, at.wrapping_add(16))?;
            let timeout = u64::from_le_bytes(get(memory, at.wrapping_add(24))?);
            let absolute = get::<2>(memory, at.wrapping_add(40))?[0] & 1 != 0;
            let now = if clock == 0 { EPOCH_NS } else { 0 } + host.elapsed_ns(left);
            let wait = if absolute {
                timeout.saturating_sub(now)
            } else {
                timeout
            };
            clocks.push((wait, user));
        } else {
            ready.push((user, tag));
        }
    }
    if ready.is_empty() {
        let wait = clocks.iter().map(|(wait, _)| *wait).min().unwrap_or(0);
        host.sleep(wait, left)?;
        ready.extend(
            clocks
                .iter()
                .filter(|(other, _)| *other <= wait)
                .map(|(_, user)| (*user, 0)),
        );
    }
    for (index, (user, tag)) in ready.iter().enumerate() {
        let mut event = [0; 32];
        event[..8].copy_from_slice(user);
        event[10] = *tag;
        event[16] = u8::from(*tag != 0);
        put(memory, output.wrapping_add(32 * index as u32), event)?;
    }
    put(memory, out, (ready.len() as u32).to_le_bytes())
}

fn random_get(caller: &mut Call<'_>, at: u32, length: u32) -> Answer<()> {
    charge(caller, u64::from(length))?;
    let (memory, host) = memory(caller)?;
    let buffer = part(memory, at, length)?;
    host.fill_random(buffer);
    Ok(())
}

/// Number and total bytes of the arguments or of the environment.
fn sizes(
    caller: &mut Call<'_>,
    texts: fn(&Host) -> &[String],
    count: u32,
    bytes: u32,
) -> Answer<()> {
    charge(caller, 0)?;
    let (memory, host) = memory(caller)?;
    let texts = texts(host);
    let total: usize = texts.iter().map(|text| text.len() + 1).sum();
    let number = texts.len() as u32;
    put(memory, count, number.to_le_bytes())?;
    put(memory, bytes, (total as u32).to_le_bytes())
}

fn texts(
    caller: &mut Call<'_>,
    texts: fn(&Host) -> &[String],
    pointers: u32,
    bytes: u32,
) -> Answer<()> {
    charge(caller, 0)?;
    let (memory, host) = memory(caller)?;
    let mut at = bytes;
    for (index, text) in texts(host).iter().enumerate() {
        put(
            memory,
            pointers.wrapping_add(4 * index as u32),
            at.to_le_bytes(),
        )?;
        let target = part(memory, at, text.len() as u32 + 1)?;
        target[..text.len()].copy_from_slice(text.as_bytes());
        target[text.len()] = 0;
        at = at.wrapping_add(text.len() as u32 + 1);
    }
    Ok(())
}

/// Calls that are known but not supported, with their parameters: `i` for 32 bits, `l` for 64.
const REFUSED: [(&str, &str); 23] = [
    ("fd_advise", "illi"),
    ("fd_allocate", "ill"),
    ("fd_datasync", "i"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "ill"),
    ("fd_filestat_set_size", "il"),
    ("fd_filestat_set_times", "illi"),
    ("fd_pread", "iiili"),
    ("fd_pwrite", "iiili"),
    ("fd_sync", "i"),
    ("path_create_directory", "iii"),
    ("path_filestat_set_times", "iiiilli"),
    ("path_link", "iiiiiii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("proc_raise", "i"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// Gives a linker every call of WASI preview 1.
pub(super) fn add_to(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        WASI,
        "fd_read",
        |mut caller: Call<'_>, number: u32, at: u32, count: u32, out: u32| {
            conclude(fd_read(&mut caller, number, at, count, out))
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_write",
        |mut caller: Call<'_>, number: u32, at: u32, count: u32, out: u32| {
            conclude(fd_write(&mut caller, number, at, count, out))
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_filestat_get",
        |mut caller: Call<'_>, number: u32, out: u32| {
            conclude(fd_filestat_get(&mut caller, number, out))
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_fdstat_get",
        |mut caller: Call<'_>, number: u32, out: u32| {
            conclude(fd_fdstat_get(&mut caller, number, out))
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_seek",
        |mut caller: Call<'_>, number: u32, offset: i64, whence: u32, out: u32| {
            conclude(fd_seek(&mut caller, number, offset, whence, out))
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_tell",
        |mut caller: Call<'_>, number: u32, out: u32| {
            conclude(fd_seek(&mut caller, number, 0, 1, out))
        },
    )?;
    linker.func_wrap(WASI, "fd_close", |mut caller: Call<'_>, number: u32| {
        conclude(fd_close(&mut caller, number))
    })?;
    linker.func_wrap(
        WASI,
        "fd_renumber",
        |mut caller: Call<'_>, from: u32, to: u32| conclude(fd_renumber(&mut caller, from, to)),
    )?;
    linker.func_wrap(
        WASI,
        "fd_prestat_get",
        |mut caller: Call<'_>, number: u32, out: u32| {
            conclude(fd_prestat_get(&mut caller, number, out))
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_prestat_dir_name",
        |mut caller: Call<'_>, number: u32, out: u32, length: u32| {
            conclude(fd_prestat_dir_name(&mut caller, number, out, length))
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_readdir",
        |mut caller: Call<'_>, number: u32, buffer: u32, length: u32, cookie: u64, out: u32| {
            conclude(fd_readdir(&mut caller, number, buffer, length, cookie, out))
        },
    )?;
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
         _rights: u64,
         _inherited: u64,
         _status: u32,
         out: u32| { conclude(path_open(&mut caller, number, at, length, flags, out)) },
    )?;
    linker.func_wrap(
        WASI,
        "clock_time_get",
        |mut caller: Call<'_>, clock: u32, _precision: u64, out: u32| {
            conclude(clock_time_get(&mut caller, clock, out))
        },
    )?;
    linker.func_wrap(
        WASI,
        "clock_res_get",
        |mut caller: Call<'_>, _clock: u32, out: u32| {
            let answer = charge(&mut caller, 0).and_then(|()| {
                let (memory, _) = memory(&mut caller)?;
                put(memory, out, 1_000_u64.to_le_bytes())
            });
            conclude(answer)
        },
    )?;
    linker.func_wrap(
        WASI,
        "poll_oneoff",
        |mut caller: Call<'_>, input: u32, output: u32, count: u32, out: u32| {
            conclude(poll_oneoff(&mut caller, input, output, count, out))
        },
    )?;
    linker.func_wrap(
        WASI,
        "random_get",
        |mut caller: Call<'_>, at: u32, length: u32| conclude(random_get(&mut caller, at, length)),
    )?;
    linker.func_wrap(
        WASI,
        "args_sizes_get",
        |mut caller: Call<'_>, count: u32, bytes: u32| {
            conclude(sizes(&mut caller, |host| &host.arguments, count, bytes))
        },
    )?;
    linker.func_wrap(
        WASI,
        "args_get",
        |mut caller: Call<'_>, pointers: u32, bytes: u32| {
            conclude(texts(&mut caller, |host| &host.arguments, pointers, bytes))
        },
    )?;
    linker.func_wrap(
        WASI,
        "environ_sizes_get",
        |mut caller: Call<'_>, count: u32, bytes: u32| {
            conclude(sizes(&mut caller, |host| &host.environment, count, bytes))
        },
    )?;
    linker.func_wrap(
        WASI,
        "environ_get",
        |mut caller: Call<'_>, pointers: u32, bytes: u32| {
            conclude(texts(
                &mut caller,
                |host| &host.environment,
                pointers,
                bytes,
            ))
        },
    )?;
    linker.func_wrap(
        WASI,
        "proc_exit",
        |_caller: Call<'_>, code: i32| -> wasmtime::Result<()> { Err(Stop::Exit(code).into()) },
    )?;
    linker.func_wrap(WASI, "sched_yield", |mut caller: Call<'_>| {
        conclude(charge(&mut caller, 0))
    })?;
    for (name, parameters) in REFUSED {
        let parameters = parameters.chars().map(|letter| match letter {
            'l' => ValType::I64,
            _ => ValType::I32,
        });
        let kind = FuncType::new(linker.engine(), parameters, [ValType::I32]);
        linker.func_new(WASI, name, kind, |mut caller, _, results| {
            let answer = charge(&mut caller, 0).and_then(|()| no(errno::NOTSUP));
            results[0] = Val::I32(conclude(answer)?);
            Ok(())
        })?;
    }
    Ok(())
}
