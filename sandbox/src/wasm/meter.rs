//! Fuel, counted by the module itself: a module → the same module that pays for what it runs, and stops when it can't.
//!
//! Every way around a loop and every function that calls others pays in advance for what one pass runs, so whatever
//! never ends runs out of fuel. Two tariffs (`survey`). A program's module pays for all that it runs, code behind branches
//! included, by the time that it takes. The interpreter pays by an estimate: exact for code without branches, halved for
//! each branch it lies behind; what a branch in particular takes is not looked at, which is what makes it cheap, for an
//! engine that adds up every block of instructions makes an interpreter take up to twice as long. Both are made once from
//! the code, and so the same on every machine.
//!
//! Indices and labels of the module stay as they are: everything is added behind what is there, and a function's body
//! becomes a block within a block, whose end is where a guest without fuel goes.

use std::collections::HashMap;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, Encode, ExportKind, GlobalType, Module, RawSection, ValType,
};
use wasmparser::types::TypesRef;
use wasmparser::{BinaryReader, FuncType, Parser, Payload, Validator, WasmFeatures};
use wasmtime::{AsContextMut, Instance, Store, Val};

use super::host::Host;

mod body;
mod survey;
#[cfg(test)]
mod tests;

/// The exported global that holds what is left of the fuel; below zero once there was too little.
const FUEL: &str = "rlef fuel";
/// The export that stands for the function a module wants called at its start, for which there is no fuel before.
const BEGIN: &str = "rlef begin";
/// Parts of the names of the compiled interpreter and of compiled modules: bump when what is added to one changes.
pub(super) const INTERPRETER: u32 = 1;
pub(super) const MODULES: u32 = 2;

/// The section numbers in the order in which sections come.
const ORDER: [u8; 13] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];
const TYPES: u8 = 1;
const GLOBALS: u8 = 6;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// By what a module pays: see `survey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tariff {
    /// The interpreter, whose code nobody who pays has written.
    Interpreter,
    /// A program.
    Module,
}

/// What a module may be made of.
fn features(tariff: Tariff) -> WasmFeatures {
    match tariff {
        Tariff::Interpreter => WasmFeatures::default().difference(WasmFeatures::COMPONENT_MODEL),
        // All that has a price.
        Tariff::Module => {
            WasmFeatures::WASM2 | WasmFeatures::TAIL_CALL | WasmFeatures::EXTENDED_CONST
        }
    }
}

/// A module that counts fuel, or why the module is none.
pub(super) fn metered(bytes: &[u8], tariff: Tariff) -> Result<Vec<u8>, String> {
    let types = Validator::new_with_features(features(tariff))
        .validate_all(bytes)
        .map_err(|error| error.to_string())?;
    rewritten(bytes, types.as_ref(), tariff).map_err(|error| format!("{error:#}"))
}

fn rewritten(bytes: &[u8], types: TypesRef<'_>, tariff: Tariff) -> wasmtime::Result<Vec<u8>> {
    let mut added = Added {
        tariff,
        global: types.global_count(),
        first_type: types.core_type_count_in_module(),
        types: Vec::new(),
        known: HashMap::new(),
    };
    let mut sections: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut code = CodeSection::new();
    let mut exports = Vec::new();
    let mut imported = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::CodeSectionEntry(body) => {
                let kind = types.core_function_at(imported + code.len());
                code.raw(&body::paying(body, types[kind].unwrap_func(), &mut added)?);
                continue;
            }
            Payload::CodeSectionStart { .. } | Payload::CustomSection(_) => continue,
            Payload::StartSection { func, .. } => {
                exports.push(entry(BEGIN, ExportKind::Func, *func));
                continue;
            }
            Payload::FunctionSection(functions) => {
                imported = types.function_count() - functions.count();
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    if [FUEL, BEGIN].contains(&export.name) {
                        return Err(wasmtime::format_err!(
                            "it exports `{}`, a name of the sandbox's own",
                            export.name
                        ));
                    }
                }
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            sections.push((id, bytes[range].to_vec()));
        }
    }
    exports.push(entry(FUEL, ExportKind::Global, added.global));
    let mut global = Vec::new();
    GlobalType {
        val_type: ValType::I64,
        mutable: true,
        shared: false,
    }
    .encode(&mut global);
    ConstExpr::i64_const(0).encode(&mut global);
    extend(&mut sections, TYPES, &added.types)?;
    extend(&mut sections, GLOBALS, &[global])?;
    extend(&mut sections, EXPORTS, &exports)?;
    if !code.is_empty() {
        let mut section = Vec::new();
        code.encode(&mut section);
        // Its length comes first, which the module adds itself.
        let length = BinaryReader::new(&section, 0);
        sections.push((CODE, after_number(length)?.to_vec()));
    }
    sections.sort_by_key(|(id, _)| ORDER.iter().position(|other| other == id));
    let mut module = Module::new();
    for (id, data) in &sections {
        module.section(&RawSection { id: *id, data });
    }
    Ok(module.finish())
}

/// What a module gets besides.
struct Added {
    tariff: Tariff,
    /// The global that holds the fuel.
    global: u32,
    /// Number of the first type.
    first_type: u32,
    types: Vec<Vec<u8>>,
    known: HashMap<FuncType, u32>,
}

impl Added {
    /// The type of a block that leaves what a function returns.
    fn block(&mut self, function: &FuncType) -> wasmtime::Result<BlockType> {
        let mut results = Vec::new();
        for &result in function.results() {
            results.push(RoundtripReencoder.val_type(result)?);
        }
        Ok(match results[..] {
            [] => BlockType::Empty,
            [result] => BlockType::Result(result),
            _ => {
                let kind = FuncType::new([], function.results().iter().copied());
                let next = self.first_type + self.types.len() as u32;
                let index = *self.known.entry(kind).or_insert(next);
                if index == next {
                    let mut bytes = vec![0x60, 0];
                    results.encode(&mut bytes);
                    self.types.push(bytes);
                }
                BlockType::FunctionType(index)
            }
        })
    }
}

fn entry(name: &str, kind: ExportKind, index: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    name.encode(&mut bytes);
    kind.encode(&mut bytes);
    index.encode(&mut bytes);
    bytes
}

/// Adds entries behind those of a section, which is made if there is none.
fn extend(sections: &mut Vec<(u8, Vec<u8>)>, id: u8, entries: &[Vec<u8>]) -> wasmtime::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let place = sections.iter().position(|(other, _)| *other == id);
    let place = place.unwrap_or_else(|| {
        sections.push((id, vec![0]));
        sections.len() - 1
    });
    let section = &mut sections[place];
    let mut reader = BinaryReader::new(&section.1, 0);
    let count = reader.read_var_u32()?;
    let rest = after_number(BinaryReader::new(&section.1, 0))?;
    let mut longer = Vec::with_capacity(section.1.len() + 64);
    (count + entries.len() as u32).encode(&mut longer);
    longer.extend_from_slice(rest);
    for entry in entries {
        longer.extend_from_slice(entry);
    }
    section.1 = longer;
    Ok(())
}

fn after_number(mut reader: BinaryReader<'_>) -> wasmtime::Result<&[u8]> {
    reader.read_var_u32()?;
    Ok(reader.read_bytes(reader.bytes_remaining())?)
}

/// Gives a new instance its fuel, and calls what its module wants called first.
pub(super) fn begin(
    store: &mut Store<Host>,
    instance: Instance,
    fuel: u64,
) -> wasmtime::Result<()> {
    let meter = instance
        .get_global(&mut *store, FUEL)
        .ok_or_else(|| wasmtime::format_err!("the module does not count fuel"))?;
    store.data_mut().meter = Some(meter);
    set(&mut *store, i64::try_from(fuel).unwrap_or(i64::MAX))?;
    if let Ok(begin) = instance.get_typed_func::<(), ()>(&mut *store, BEGIN) {
        begin.call(&mut *store, ())?;
    }
    Ok(())
}

/// What is left of the fuel, below zero where there was too little; nothing before an instance began.
pub(super) fn left(mut context: impl AsContextMut<Data = Host>) -> Option<i64> {
    let meter = context.as_context().data().meter?;
    match meter.get(context.as_context_mut()) {
        Val::I64(left) => Some(left),
        _ => None,
    }
}

/// Burns fuel; whether there was enough.
pub(super) fn burn(
    mut context: impl AsContextMut<Data = Host>,
    fuel: u64,
) -> wasmtime::Result<bool> {
    let left = left(context.as_context_mut()).unwrap_or(0);
    let rest = left.saturating_sub(i64::try_from(fuel).unwrap_or(i64::MAX));
    set(context.as_context_mut(), rest)?;
    Ok(rest >= 0)
}

fn set(mut context: impl AsContextMut<Data = Host>, left: i64) -> wasmtime::Result<()> {
    match context.as_context().data().meter {
        Some(meter) => meter.set(context.as_context_mut(), Val::I64(left)),
        None => Ok(()),
    }
}
