//! An instance that has an interpreter in it, and what the host has it do: start, compile, run, hand over bytes.
//!
//! Everything goes through the C API, by address. Knows nothing of programs, limits or outcomes.

use wasmtime::{Instance, Memory, Store, Val};

use super::link::START;
use super::{FLUSH, PREPARE, RUN, RUN_PREPARED, SET_DIGITS};
use crate::wasm::host::Host;

/// Bytes of memory that are free when a run begins.
const ROOM: i32 = 2 << 20;
/// An interpreter that has an instance, and what the host does with it.
pub(in crate::wasm) struct Guest<'a> {
    pub(in crate::wasm) store: &'a mut Store<Host>,
    pub(in crate::wasm) instance: Instance,
}

impl Guest<'_> {
    /// Calls a function of the C API.
    pub(in crate::wasm) fn call(&mut self, name: &str, arguments: &[i32]) -> wasmtime::Result<i32> {
        let function = self
            .instance
            .get_func(&mut *self.store, name)
            .ok_or_else(|| wasmtime::format_err!("{name} is not exported"))?;
        let arguments: Vec<Val> = arguments.iter().map(|&value| Val::I32(value)).collect();
        let mut results = vec![Val::I32(0); function.ty(&*self.store).results().len()];
        function.call(&mut *self.store, &arguments, &mut results)?;
        Ok(results.first().and_then(Val::i32).unwrap_or(0))
    }

    /// Calls a function of the runtime; the address of what it returns, or 0.
    pub(in crate::wasm) fn call_entry(
        &mut self,
        name: &str,
        bytes: &[u8],
    ) -> wasmtime::Result<i32> {
        let entry = self.entry(name)?;
        let address = self.put(bytes)?;
        let argument = self.call("PyBytes_FromStringAndSize", &[address, bytes.len() as i32])?;
        self.call("PyObject_CallOneArg", &[entry, argument])
    }

    /// The address of an object of the runtime.
    fn entry(&mut self, name: &str) -> wasmtime::Result<i32> {
        let global = self.instance.get_global(&mut *self.store, name);
        match global.map(|global| global.get(&mut *self.store)) {
            Some(Val::I32(entry)) => Ok(entry),
            _ => Err(wasmtime::format_err!("the interpreter has no {name}")),
        }
    }

    /// Sets the longest number that is read from text or written as text. Called before every test, so it compiles nothing.
    pub(in crate::wasm) fn set_int_digits(&mut self, digits: u32) -> wasmtime::Result<()> {
        let entry = self.entry(SET_DIGITS)?;
        let digits = self.call("PyLong_FromLong", &[digits as i32])?;
        match self.call("PyObject_CallOneArg", &[entry, digits])? {
            0 => Err(wasmtime::format_err!(
                "the interpreter takes no limit of digits"
            )),
            _ => Ok(()),
        }
    }

    /// What a `bytes` object holds; nothing where it is another.
    pub(in crate::wasm) fn bytes(&mut self, object: i32) -> wasmtime::Result<Option<Vec<u8>>> {
        let address = self.call("PyBytes_AsString", &[object])?;
        if address == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; self.call("PyBytes_Size", &[object])? as usize];
        let memory = self.memory()?;
        memory.read(&mut *self.store, address as u32 as usize, &mut bytes)?;
        Ok(Some(bytes))
    }

    fn memory(&mut self) -> wasmtime::Result<Memory> {
        self.instance
            .get_memory(&mut *self.store, "memory")
            .ok_or_else(|| wasmtime::format_err!("the guest has no memory"))
    }

    /// Copies bytes into memory the guest allocates; their address.
    fn put(&mut self, bytes: &[u8]) -> wasmtime::Result<i32> {
        let address = self.call("malloc", &[bytes.len() as i32])?;
        if address == 0 {
            return Err(wasmtime::format_err!(
                "the guest has no memory for {} bytes",
                bytes.len()
            ));
        }
        let memory = self.memory()?;
        memory.write(&mut *self.store, address as u32 as usize, bytes)?;
        Ok(address)
    }

    fn text(&mut self, text: &str) -> wasmtime::Result<i32> {
        let bytes = [text.as_bytes(), b"\0"].concat();
        self.put(&bytes)
    }

    /// Starts the interpreter; the functions of the runtime with their addresses, and the address of the bits that tell its
    /// objects.
    pub(super) fn initialise(&mut self) -> wasmtime::Result<(Vec<(String, i32)>, i32)> {
        self.call(START, &[])?;
        self.call("Py_Initialize", &[])?;
        let name = self.text("rlef_runtime")?;
        let module = self.call("PyImport_ImportModule", &[name])?;
        let mut entries = Vec::new();
        for name in [RUN, RUN_PREPARED, PREPARE, FLUSH, SET_DIGITS] {
            entries.push((name.to_owned(), self.attribute(module, name)?));
        }
        let seal = self.attribute(module, "seal")?;
        let objects = match seal {
            0 => 0,
            // Its argument is of no use.
            seal => self.call("PyObject_CallOneArg", &[seal, module])?,
        };
        if objects == 0 {
            self.call("PyErr_Print", &[])?;
            return Err(wasmtime::format_err!(
                "its runtime module cannot be imported"
            ));
        }
        let objects = self.call("PyLong_AsLong", &[objects])?;
        self.fill_holes()?;
        Ok((entries, objects))
    }

    /// Takes what the start has left free between its objects, so that a run allocates one place after the other: what it
    /// writes is then on few pages, next to each other. `ROOM` lies there for it.
    fn fill_holes(&mut self) -> wasmtime::Result<()> {
        let top = self.call("malloc", &[ROOM])?;
        let powers = (13..21).rev().map(|power| 1 << power);
        for size in powers.chain((1..=512).rev().map(|words| 8 * words)) {
            loop {
                let place = self.call("malloc", &[size])?;
                if place as u32 >= top as u32 || place == 0 {
                    self.call("free", &[place])?;
                    break;
                }
            }
        }
        self.call("free", &[top])?;
        Ok(())
    }

    /// The address of a module's attribute; 0 where there is none, or no module.
    fn attribute(&mut self, module: i32, name: &str) -> wasmtime::Result<i32> {
        if module == 0 {
            return Ok(0);
        }
        let name = self.text(name)?;
        self.call("PyObject_GetAttrString", &[module, name])
    }
}
