//! Calls on the process: clocks, waiting, randomness, arguments, environment, the end.

use wasmtime::Linker;

use super::{
    Answer, Call, WASI, charge, conclude, errno, get, left, memory, no, part, put, u32_at,
};
use crate::wasm::host::{EPOCH_NS, Host, Stop};

/// Most events of one poll.
const MOST_EVENTS: u32 = 1024;

fn clock_time_get(caller: &mut Call<'_>, clock: u32, out: u32) -> Answer<()> {
    charge(caller, 0)?;
    let left = left(caller);
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
    charge(caller, u64::from(count) * 80)?;
    if count == 0 || count > MOST_EVENTS {
        return no(errno::INVAL);
    }
    let left = left(caller);
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
            let began = if clock == 0 { EPOCH_NS } else { 0 };
            let now = host.elapsed_ns(left).saturating_add(began);
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

/// Adds these calls.
pub(super) fn add_to(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
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
    Ok(())
}
