//! Calls on open descriptors: `fd_*`.

use wasmtime::Linker;

use super::{
    Answer, Call, WASI, charge, conclude, errno, filetype, left, memory, no, part, pay, put,
    put_filestat, u32_at,
};
use crate::wasm::files::{Found, normal};
use crate::wasm::host::{Host, Input, Open};

/// Fuel of a name in a directory that is listed.
const FUEL_PER_NAME: u64 = 1_000;
/// Fuel of a buffer of a read or write, whatever it holds.
const FUEL_PER_BUFFER: u64 = 20;
/// Most buffers of one read or write.
const MOST_BUFFERS: u32 = 1024;

/// The `(address, length)` pairs of a vectored read or write.
fn vectors(memory: &mut [u8], at: u32, count: u32) -> Answer<Vec<(u32, u32)>> {
    if count > MOST_BUFFERS {
        return no(errno::INVAL);
    }
    (0..count)
        .map(|index| {
            let at = at.wrapping_add(8 * index);
            Ok((u32_at(memory, at)?, u32_at(memory, at.wrapping_add(4))?))
        })
        .collect()
}

fn fd_read(caller: &mut Call<'_>, number: u32, at: u32, count: u32, out: u32) -> Answer<()> {
    // First, so that a call that is refused is not free.
    charge(caller, FUEL_PER_BUFFER * u64::from(count.min(MOST_BUFFERS)))?;
    let left = left(caller);
    let (memory, host) = memory(caller)?;
    let elapsed = host.elapsed_ns(left);
    let Some(open) = host.descriptor(number).cloned() else {
        return no(errno::BADF);
    };
    let mut total = 0;
    for (address, length) in vectors(memory, at, count)? {
        let buffer = part(memory, address, length)?;
        let read = match &open {
            Open::Input => host.read_input(buffer, elapsed)?,
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
        if matches!(open, Open::Input) && matches!(host.input, Input::Pipe(_)) {
            break;
        }
    }
    if let Some(Open::File { at, .. }) = host.descriptor_mut(number) {
        *at += total as u64;
    }
    put(memory, out, (total as u32).to_le_bytes())?;
    pay(caller, total as u64)
}

fn fd_write(caller: &mut Call<'_>, number: u32, at: u32, count: u32, out: u32) -> Answer<()> {
    charge(caller, FUEL_PER_BUFFER * u64::from(count.min(MOST_BUFFERS)))?;
    let (memory, host) = memory(caller)?;
    let Some(open) = host.descriptor(number).cloned() else {
        return no(errno::BADF);
    };
    let mut total: u32 = 0;
    for (address, length) in vectors(memory, at, count)? {
        let bytes = part(memory, address, length)?;
        match open {
            Open::Output => host.print(bytes)?,
            Open::Error => host.complain(bytes)?,
            Open::Null => {}
            Open::Input | Open::File { .. } | Open::Directory(_) => return no(errno::BADF),
        }
        total = total.wrapping_add(length);
    }
    put(memory, out, total.to_le_bytes())?;
    pay(caller, u64::from(total))
}

/// The file type and size of what a descriptor is.
fn kind_of(host: &Host, open: &Open) -> (u8, u64) {
    match open {
        Open::Input => match &host.input {
            Input::Bytes { bytes, .. } => (filetype::REGULAR, bytes.len() as u64),
            Input::Pipe(_) => (filetype::UNKNOWN, 0),
        },
        Open::Output | Open::Error => (filetype::UNKNOWN, 0),
        Open::Null => (filetype::CHARACTER, 0),
        Open::Directory(_) => (filetype::DIRECTORY, 0),
        Open::File { bytes, .. } => (filetype::REGULAR, bytes.len() as u64),
    }
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
            Input::Bytes { bytes, at } => (bytes.len() as i64, *at as i64),
            Input::Pipe(_) => return no(errno::SPIPE),
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
            if let Input::Bytes { at, .. } = &mut host.input {
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
    if host.set(to, open) {
        Ok(())
    } else {
        no(errno::MFILE)
    }
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
    charge(caller, 0)?;
    let (memory, host) = memory(caller)?;
    let Some(Open::Directory(directory)) = host.descriptor(number) else {
        return no(errno::NOTDIR);
    };
    let names = host.files().list(directory);
    let listed = names.len() as u64;
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
    pay(caller, listed * FUEL_PER_NAME + entries.len() as u64)
}

/// Adds these calls.
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
    Ok(())
}
