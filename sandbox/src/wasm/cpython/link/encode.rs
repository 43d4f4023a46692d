//! The linked module as bytes: as linked, or as a running instance left its memory and globals.

use wasm_encoder::{
    ConstExpr, DataSection, ExportKind, ExportSection, GlobalSection, MemorySection, MemoryType,
    Module, RefType, TableSection, TableType, ValType,
};

use super::{Linked, PAGE, Snapshot, pointer};

impl Linked {
    /// Names under which the mutable globals are exported before a snapshot.
    pub(in crate::wasm::cpython) fn mutable_globals(&self) -> Vec<String> {
        self.globals
            .iter()
            .enumerate()
            .filter(|(_, (kind, _))| kind.mutable && kind.val_type == ValType::I32)
            .map(|(index, _)| global_name(index))
            .collect()
    }

    /// The module as bytes; with a snapshot it starts where the snapshot was taken.
    pub(in crate::wasm::cpython) fn encode(&self, snapshot: Option<&Snapshot>) -> Vec<u8> {
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: self.table_size,
            maximum: Some(self.table_size),
            shared: false,
        });
        let pages = snapshot.map_or(self.memory_pages, |snapshot| {
            (snapshot.memory.len() as u64).div_ceil(PAGE)
        });
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: pages,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut globals = GlobalSection::new();
        for (index, (kind, value)) in self.globals.iter().enumerate() {
            match snapshot.and_then(|snapshot| snapshot.globals.get(&global_name(index))) {
                Some(&value) => globals.global(*kind, &ConstExpr::i32_const(value)),
                None => globals.global(*kind, value),
            };
        }
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        for (name, index) in &self.exports {
            exports.export(name, ExportKind::Func, *index);
        }
        for (name, value) in snapshot.iter().flat_map(|snapshot| &snapshot.constants) {
            exports.export(name, ExportKind::Global, globals.len());
            globals.global(pointer(false), &ConstExpr::i32_const(*value));
        }
        if snapshot.is_none() {
            for (index, (kind, _)) in self.globals.iter().enumerate() {
                if kind.mutable {
                    exports.export(&global_name(index), ExportKind::Global, index as u32);
                }
            }
        }
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.imports)
            .section(&self.functions)
            .section(&tables)
            .section(&memories)
            .section(&globals)
            .section(&exports)
            .section(&self.elements)
            .section(&self.code);
        match snapshot {
            None => module.section(&self.data),
            Some(snapshot) => module.section(&touched(&snapshot.memory)),
        };
        module.finish()
    }
}

fn global_name(index: usize) -> String {
    format!("g{index}")
}

/// The pages of memory that hold anything, neighbours together.
fn touched(memory: &[u8]) -> DataSection {
    const GRAIN: usize = 4096;
    let mut data = DataSection::new();
    let mut from = None;
    let ends = memory.chunks(GRAIN).chain([&[][..]]);
    for (number, page) in ends.enumerate() {
        let holds = page.iter().any(|&byte| byte != 0);
        match (from, holds) {
            (None, true) => from = Some(number * GRAIN),
            (Some(start), false) => {
                let end = (number * GRAIN).min(memory.len());
                data.active(
                    0,
                    &ConstExpr::i32_const(start as i32),
                    memory[start..end].iter().copied(),
                );
                from = None;
            }
            _ => {}
        }
    }
    data
}
