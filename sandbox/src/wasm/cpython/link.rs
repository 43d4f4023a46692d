//! Position-independent WebAssembly libraries → one ordinary module: the link step of a static executable.
//!
//! The libraries follow the tool conventions' dynamic linking ABI: each imports one memory, one table, its bases in
//! both, its neighbours' functions by name, and addresses through the global offset table (`GOT.mem`, `GOT.func`).
//! Here every base is chosen once, so all of that becomes constants, and what is left to import is WASI preview 1.
//! The same linked module can be written twice: as linked, and with the memory and globals of a running instance
//! in place of its initial ones ([`Snapshot`]). Knows nothing of Python.

use std::collections::{BTreeMap, HashMap};

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, Encode, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    Instruction, MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection,
    ValType,
};
use wasmparser::{
    Dylink0Subsection, ElementSectionReader, ExternalKind, FunctionBody, Global, KnownCustom,
    Operator, Parser, Payload, TypeRef, TypeSectionReader,
};

/// Bytes of a page of linear memory.
const PAGE: u64 = 65536;
/// The module whose functions stay imports.
const WASI: &str = "wasi_snapshot_preview1";
/// Everything below this address is unmapped by convention, so that null dereferences near it read nothing of use.
const STACK_LOW: u32 = 1024;
/// The exported function that runs what the libraries do when they are loaded; call it once.
pub(super) const START: &str = "rlef_start";

/// A library cannot be linked.
#[derive(Debug, thiserror::Error)]
#[error("link {library}: {reason}")]
pub(crate) struct LinkError {
    library: String,
    reason: String,
}

/// What to link.
pub(super) struct Plan<'a> {
    /// Name and bytes of each library, each after those it needs.
    pub(super) libraries: &'a [(&'a str, &'a [u8])],
    /// Bytes of the C stack, which lies below everything else so that an overflow traps.
    pub(super) stack_bytes: u32,
    /// Functions the host will call.
    pub(super) exports: &'a [&'a str],
}

/// Memory and globals of an instance after it has started.
pub(super) struct Snapshot {
    /// All of linear memory.
    pub(super) memory: Vec<u8>,
    /// Value of each of [`Linked::mutable_globals`], by its name.
    pub(super) globals: BTreeMap<String, i32>,
    /// Constants to export besides.
    pub(super) constants: Vec<(String, i32)>,
}

/// One module made of several.
pub(super) struct Linked {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    elements: ElementSection,
    code: CodeSection,
    data: DataSection,
    globals: Vec<(GlobalType, ConstExpr)>,
    exports: Vec<(String, u32)>,
    table_size: u64,
    memory_pages: u64,
}

struct Library<'a> {
    name: &'a str,
    types: Option<TypeSectionReader<'a>>,
    type_count: u32,
    imports: Vec<wasmparser::Import<'a>>,
    functions: Vec<u32>,
    globals: Vec<Global<'a>>,
    exports: HashMap<&'a str, (ExternalKind, u32)>,
    start: Option<u32>,
    elements: Option<ElementSectionReader<'a>>,
    code: Vec<FunctionBody<'a>>,
    data: Option<wasmparser::DataSectionReader<'a>>,
    memory_size: u32,
    memory_alignment: u32,
    table_size: u32,
    imported_functions: u32,
    imported_globals: u32,
}

/// The indices of one library's things in the linked module.
struct Renumber<'a> {
    type_base: u32,
    functions: Vec<u32>,
    globals: Vec<u32>,
    /// Values of the imported bases, by the library's own global index.
    constants: &'a HashMap<u32, i32>,
}

impl Reencode for Renumber<'_> {
    type Error = LinkError;

    fn type_index(&mut self, index: u32) -> Result<u32, wasm_encoder::reencode::Error<LinkError>> {
        Ok(self.type_base + index)
    }

    fn function_index(
        &mut self,
        index: u32,
    ) -> Result<u32, wasm_encoder::reencode::Error<LinkError>> {
        find(&self.functions, index)
    }

    fn global_index(
        &mut self,
        index: u32,
    ) -> Result<u32, wasm_encoder::reencode::Error<LinkError>> {
        find(&self.globals, index)
    }

    fn const_expr(
        &mut self,
        expression: wasmparser::ConstExpr<'_>,
    ) -> Result<ConstExpr, wasm_encoder::reencode::Error<LinkError>> {
        let mut operators = expression.get_operators_reader();
        let mut bytes = Vec::new();
        while !operators.is_end_then_eof() {
            let operator = operators.read()?;
            match operator {
                Operator::GlobalGet { global_index }
                    if self.constants.contains_key(&global_index) =>
                {
                    Instruction::I32Const(self.constants[&global_index]).encode(&mut bytes);
                }
                other => self.instruction(other)?.encode(&mut bytes),
            }
        }
        Ok(ConstExpr::raw(bytes))
    }
}

fn find(map: &[u32], index: u32) -> Result<u32, wasm_encoder::reencode::Error<LinkError>> {
    map.get(index as usize).copied().ok_or_else(|| {
        wasm_encoder::reencode::Error::UserError(LinkError {
            library: "a library".to_owned(),
            reason: format!("it refers to index {index}, which it does not have"),
        })
    })
}

fn parse<'a>(name: &'a str, bytes: &'a [u8]) -> Result<Library<'a>, LinkError> {
    let failed = |reason: String| LinkError {
        library: name.to_owned(),
        reason,
    };
    let mut library = Library {
        name,
        types: None,
        type_count: 0,
        imports: Vec::new(),
        functions: Vec::new(),
        globals: Vec::new(),
        exports: HashMap::new(),
        start: None,
        elements: None,
        code: Vec::new(),
        data: None,
        memory_size: 0,
        memory_alignment: 0,
        table_size: 0,
        imported_functions: 0,
        imported_globals: 0,
    };
    let result: Result<(), wasmparser::Error> = (|| {
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::CustomSection(section) => {
                    if let KnownCustom::Dylink0(subsections) = section.as_known() {
                        for subsection in subsections {
                            if let Dylink0Subsection::MemInfo(info) = subsection? {
                                library.memory_size = info.memory_size;
                                library.memory_alignment = info.memory_alignment;
                                library.table_size = info.table_size;
                            }
                        }
                    }
                }
                Payload::TypeSection(section) => {
                    library.type_count = section.count();
                    library.types = Some(section);
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        library.imports.push(import?);
                    }
                }
                Payload::FunctionSection(section) => {
                    library.functions = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::GlobalSection(section) => {
                    library.globals = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        library
                            .exports
                            .insert(export.name, (export.kind, export.index));
                    }
                }
                Payload::StartSection { func, .. } => library.start = Some(func),
                Payload::ElementSection(section) => library.elements = Some(section),
                Payload::CodeSectionEntry(body) => library.code.push(body),
                Payload::DataSection(section) => library.data = Some(section),
                _ => {}
            }
        }
        Ok(())
    })();
    result.map_err(|error| failed(error.to_string()))?;
    let count = |wanted: fn(&TypeRef) -> bool| {
        library
            .imports
            .iter()
            .filter(|import| wanted(&import.ty))
            .count() as u32
    };
    library.imported_functions = count(|kind| matches!(kind, TypeRef::Func(_)));
    library.imported_globals = count(|kind| matches!(kind, TypeRef::Global(_)));
    Ok(library)
}

/// Value of a constant initial expression of one `i32.const`.
fn constant(expression: &wasmparser::ConstExpr<'_>) -> Option<i32> {
    match expression.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => Some(value),
        _ => None,
    }
}

/// Where everything lies, and what every name means.
struct Layout<'a> {
    libraries: Vec<Library<'a>>,
    memory_bases: Vec<u32>,
    table_bases: Vec<u32>,
    heap_base: u32,
    memory_pages: u64,
    stack_bytes: u32,
    /// Index of each WASI import, with its type in the linked module.
    wasi: BTreeMap<&'a str, (u32, u32)>,
    /// Index of each stub, with its type, for what nobody defines.
    stubs: BTreeMap<(&'a str, &'a str), (u32, u32)>,
    function_bases: Vec<u32>,
    type_bases: Vec<u32>,
    next_function: u32,
}

impl<'a> Layout<'a> {
    fn new(plan: &Plan<'a>) -> Result<Self, LinkError> {
        let libraries = plan
            .libraries
            .iter()
            .map(|(name, bytes)| parse(name, bytes))
            .collect::<Result<Vec<_>, _>>()?;
        let (mut memory_bases, mut table_bases, mut type_bases) =
            (Vec::new(), Vec::new(), Vec::new());
        let (mut at, mut slot, mut types) = (plan.stack_bytes, 1, 0);
        for library in &libraries {
            at = at.next_multiple_of((1 << library.memory_alignment).max(16));
            memory_bases.push(at);
            table_bases.push(slot);
            type_bases.push(types);
            at += library.memory_size;
            slot += library.table_size;
            types += library.type_count;
        }
        let heap_base = at.next_multiple_of(16);
        let mut layout = Self {
            memory_bases,
            table_bases,
            heap_base,
            memory_pages: u64::from(heap_base).div_ceil(PAGE) + 1,
            stack_bytes: plan.stack_bytes,
            wasi: BTreeMap::new(),
            stubs: BTreeMap::new(),
            function_bases: Vec::new(),
            type_bases,
            next_function: 0,
            libraries,
        };
        layout.number_functions();
        Ok(layout)
    }

    fn number_functions(&mut self) {
        for (position, library) in self.libraries.iter().enumerate() {
            for import in &library.imports {
                let TypeRef::Func(type_index) = import.ty else {
                    continue;
                };
                let type_index = type_index + self.type_bases[position];
                if import.module == WASI && !import.name.starts_with("adapter_") {
                    self.wasi.entry(import.name).or_insert((0, type_index));
                } else if import.module != "env" || self.definition(import.name).is_none() {
                    self.stubs
                        .entry((import.module, import.name))
                        .or_insert((0, type_index));
                }
            }
        }
        let mut next = 0;
        for (index, _) in self.wasi.values_mut().chain(self.stubs.values_mut()) {
            *index = next;
            next += 1;
        }
        for library in &self.libraries {
            self.function_bases.push(next);
            next += library.functions.len() as u32;
        }
        self.next_function = next;
    }

    /// The library that defines a function, and its index there.
    fn definition(&self, name: &str) -> Option<(usize, u32)> {
        self.libraries
            .iter()
            .enumerate()
            .find_map(|(position, library)| match library.exports.get(name) {
                Some(&(ExternalKind::Func, index)) if index >= library.imported_functions => {
                    Some((position, index))
                }
                _ => None,
            })
    }

    fn defined(&self, position: usize, index: u32) -> u32 {
        self.function_bases[position] + index - self.libraries[position].imported_functions
    }

    /// The linked index of the function of this name.
    fn function(&self, name: &str) -> Option<u32> {
        self.definition(name)
            .map(|(position, index)| self.defined(position, index))
    }

    /// The address of the datum of this name; 0 where nobody defines it, as for a weak symbol.
    fn address(&self, name: &str) -> i32 {
        match name {
            "__heap_base" => return self.heap_base as i32,
            "__heap_end" => return (self.memory_pages * PAGE) as i32,
            "__stack_high" => return self.stack_bytes as i32,
            "__stack_low" => return STACK_LOW as i32,
            _ => {}
        }
        self.libraries
            .iter()
            .enumerate()
            .find_map(|(position, library)| {
                let &(ExternalKind::Global, index) = library.exports.get(name)? else {
                    return None;
                };
                let global = library
                    .globals
                    .get(index.checked_sub(library.imported_globals)? as usize)?;
                Some(self.memory_bases[position] as i32 + constant(&global.init_expr)?)
            })
            .unwrap_or(0)
    }

    /// The linked indices of one library's functions.
    fn functions_of(&self, position: usize) -> Vec<u32> {
        let library = &self.libraries[position];
        let imported = library.imports.iter().filter_map(|import| {
            if !matches!(import.ty, TypeRef::Func(_)) {
                return None;
            }
            let index = match self.stubs.get(&(import.module, import.name)) {
                Some(&(index, _)) => Some(index),
                None if import.module == WASI => {
                    self.wasi.get(import.name).map(|&(index, _)| index)
                }
                None => self.function(import.name),
            };
            Some(index.unwrap_or(u32::MAX))
        });
        let own =
            (0..library.functions.len() as u32).map(|index| self.function_bases[position] + index);
        imported.chain(own).collect()
    }
}

/// Links the libraries of a plan.
pub(super) fn link(plan: &Plan<'_>) -> Result<Linked, LinkError> {
    let layout = Layout::new(plan)?;
    let mut linked = Linked {
        types: TypeSection::new(),
        imports: ImportSection::new(),
        functions: FunctionSection::new(),
        elements: ElementSection::new(),
        code: CodeSection::new(),
        data: DataSection::new(),
        globals: vec![(pointer(true), ConstExpr::i32_const(plan.stack_bytes as i32))],
        exports: Vec::new(),
        table_size: 0,
        memory_pages: layout.memory_pages,
    };
    for (name, &(_, type_index)) in &layout.wasi {
        linked
            .imports
            .import(WASI, name, EntityType::Function(type_index));
    }
    for (&(module, name), &(_, type_index)) in &layout.stubs {
        linked
            .imports
            .import(module, name, EntityType::Function(type_index));
    }
    let mut offsets = Offsets {
        globals: HashMap::new(),
        slots: Vec::new(),
        first_slot: layout
            .table_bases
            .last()
            .zip(layout.libraries.last())
            .map_or(1, |(base, library)| base + library.table_size),
    };
    for position in 0..layout.libraries.len() {
        add(&mut linked, &layout, &mut offsets, position).map_err(|error| LinkError {
            library: layout.libraries[position].name.to_owned(),
            reason: match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
        })?;
    }
    linked.table_size = u64::from(offsets.first_slot) + offsets.slots.len() as u64;
    linked.elements.active(
        None,
        &ConstExpr::i32_const(offsets.first_slot as i32),
        Elements::Functions(offsets.slots.into()),
    );
    add_start(&mut linked, &layout);
    for name in plan.exports {
        let index = layout.function(name).ok_or_else(|| LinkError {
            library: (*name).to_owned(),
            reason: "no library defines it".to_owned(),
        })?;
        linked.exports.push(((*name).to_owned(), index));
    }
    Ok(linked)
}

/// The global offset table: one global and, for functions, one slot of the table for each name.
struct Offsets<'a> {
    globals: HashMap<(&'a str, &'a str), u32>,
    slots: Vec<u32>,
    first_slot: u32,
}

fn pointer(mutable: bool) -> GlobalType {
    GlobalType {
        val_type: ValType::I32,
        mutable,
        shared: false,
    }
}

/// Adds one library's sections.
fn add<'a>(
    linked: &mut Linked,
    layout: &Layout<'a>,
    offsets: &mut Offsets<'a>,
    position: usize,
) -> Result<(), wasm_encoder::reencode::Error<LinkError>> {
    let library = &layout.libraries[position];
    let (mut globals, mut constants) = (Vec::new(), HashMap::new());
    for import in &library.imports {
        if !matches!(import.ty, TypeRef::Global(_)) {
            continue;
        }
        let next = linked.globals.len() as u32;
        let value = match (import.module, import.name) {
            ("env", "__stack_pointer") => {
                globals.push(0);
                continue;
            }
            ("env", "__memory_base") => layout.memory_bases[position] as i32,
            ("env", "__table_base") => layout.table_bases[position] as i32,
            ("GOT.mem", name) => {
                let index = *offsets
                    .globals
                    .entry((import.module, name))
                    .or_insert_with(|| {
                        let address = ConstExpr::i32_const(layout.address(name));
                        linked.globals.push((pointer(true), address));
                        next
                    });
                globals.push(index);
                continue;
            }
            ("GOT.func", name) => {
                let index = *offsets
                    .globals
                    .entry((import.module, name))
                    .or_insert_with(|| {
                        let slot = layout.function(name).map_or(0, |function| {
                            offsets.slots.push(function);
                            offsets.first_slot as usize + offsets.slots.len() - 1
                        });
                        linked
                            .globals
                            .push((pointer(true), ConstExpr::i32_const(slot as i32)));
                        next
                    });
                globals.push(index);
                continue;
            }
            (module, name) => {
                return Err(wasm_encoder::reencode::Error::UserError(LinkError {
                    library: library.name.to_owned(),
                    reason: format!("it imports the unknown global {module}.{name}"),
                }));
            }
        };
        constants.insert(globals.len() as u32, value);
        globals.push(next);
        linked
            .globals
            .push((pointer(false), ConstExpr::i32_const(value)));
    }
    let first = linked.globals.len() as u32;
    globals.extend((0..library.globals.len() as u32).map(|index| first + index));
    let mut renumber = Renumber {
        type_base: layout.type_bases[position],
        functions: layout.functions_of(position),
        globals,
        constants: &constants,
    };
    if let Some(types) = &library.types {
        renumber.parse_type_section(&mut linked.types, types.clone())?;
    }
    for global in &library.globals {
        let kind = renumber.global_type(global.ty)?;
        let value = renumber.const_expr(global.init_expr.clone())?;
        linked.globals.push((kind, value));
    }
    for &type_index in &library.functions {
        linked.functions.function(renumber.type_base + type_index);
    }
    if let Some(elements) = &library.elements {
        renumber.parse_element_section(&mut linked.elements, elements.clone())?;
    }
    for body in &library.code {
        renumber.parse_function_body(&mut linked.code, body.clone())?;
    }
    if let Some(data) = &library.data {
        renumber.parse_data_section(&mut linked.data, data.clone())?;
    }
    Ok(())
}

/// What a dynamic linker does after loading: start functions, then relocations, then constructors.
fn add_start(linked: &mut Linked, layout: &Layout<'_>) {
    let mut body = Function::new([]);
    for (position, library) in layout.libraries.iter().enumerate() {
        if let Some(start) = library.start {
            body.instruction(&Instruction::Call(layout.defined(position, start)));
        }
    }
    for step in ["__wasm_apply_data_relocs", "_initialize"] {
        for (position, library) in layout.libraries.iter().enumerate() {
            if let Some(&(ExternalKind::Func, index)) = library.exports.get(step) {
                body.instruction(&Instruction::Call(layout.defined(position, index)));
            }
        }
    }
    body.instruction(&Instruction::End);
    let type_index = layout
        .libraries
        .iter()
        .map(|library| library.type_count)
        .sum();
    linked.types.ty().function([], []);
    linked.functions.function(type_index);
    linked.code.function(&body);
    linked
        .exports
        .push((START.to_owned(), layout.next_function));
}

impl Linked {
    /// Names under which the mutable globals are exported before a snapshot.
    pub(super) fn mutable_globals(&self) -> Vec<String> {
        self.globals
            .iter()
            .enumerate()
            .filter(|(_, (kind, _))| kind.mutable && kind.val_type == ValType::I32)
            .map(|(index, _)| global_name(index))
            .collect()
    }

    /// The module as bytes; with a snapshot it starts where the snapshot was taken.
    pub(super) fn encode(&self, snapshot: Option<&Snapshot>) -> Vec<u8> {
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
