//! The host calls of WASI preview 1, on the state in `host`. What is not here answers "not supported".
//!
//! Every call burns fuel for itself and for the bytes it moves, so a flood of calls ends like any other loop. Layouts
//! and numbers are those of `wasi_snapshot_preview1.witx`.

use wasmtime::{Caller, Extern, FuncType, Linker, Trap, Val, ValType};

use super::host::{EPOCH_NS, Host, Stop};
use super::meter;

mod descriptors;
mod paths;
mod process;

/// The module that guests import from.
pub(super) const WASI: &str = "wasi_snapshot_preview1";

/// Fuel of a call: about what a guest burns in the time a call takes.
const FUEL_PER_CALL: u64 = 2_000;

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
    pub(super) const ROFS: i32 = 69;
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
    pay(caller, FUEL_PER_CALL.saturating_add(bytes))
}

/// Burns fuel for the bytes that a call moved, which was charged for itself before.
fn pay(caller: &mut Call<'_>, bytes: u64) -> Answer<()> {
    match meter::burn(caller, bytes) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::End(Trap::OutOfFuel.into())),
        Err(error) => Err(Failure::End(error)),
    }
}

/// What is left of the fuel.
fn left(caller: &mut Call<'_>) -> u64 {
    meter::left(caller).map_or(0, |left| left.max(0) as u64)
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
    descriptors::add_to(linker)?;
    paths::add_to(linker)?;
    process::add_to(linker)?;
    for (name, parameters) in REFUSED {
        let parameters = parameters.chars().map(|letter| match letter {
            'l' => ValType::I64,
            _ => ValType::I32,
        });
        let kind = FuncType::new(linker.engine(), parameters, [ValType::I32]);
        // A program that changes files would do something else in a process, where it can.
        let blocking = name == "fd_fdstat_set_flags";
        let changes = name.starts_with("path_") && name != "path_readlink";
        linker.func_new(WASI, name, kind, move |mut caller, _, results| {
            let answer = charge(&mut caller, 0).and_then(|()| {
                if changes {
                    return paths::not_writable(caller.data_mut());
                }
                // Nothing here waits, so whether a stream is to block makes no difference.
                if blocking { Ok(()) } else { no(errno::NOTSUP) }
            });
            results[0] = Val::I32(conclude(answer)?);
            Ok(())
        })?;
    }
    Ok(())
}
