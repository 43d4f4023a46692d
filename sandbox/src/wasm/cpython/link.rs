//! Position-independent WebAssembly libraries → one ordinary module: the link step of a static executable.
//!
//! The libraries follow the tool conventions' dynamic linking ABI: each imports one memory, one table, its bases in
//! both, its neighbours' functions by name, and addresses through the global offset table (`GOT.mem`, `GOT.func`).
//! Here every base is chosen once, so all of that becomes constants, and what is left to import is WASI preview 1.
//! The same linked module can be written twice: as linked, and with the memory and globals of a running instance
//! in place of its initial ones ([`Snapshot`]). Knows nothing of Python.

use std::collections::{BTreeMap, HashMap};

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, Function,
    FunctionSection, GlobalType, ImportSection, Instruction, TypeSection, ValType,
};
use wasmparser::{ExternalKind, TypeRef};

mod encode;
mod layout;
mod library;
mod renumber;

use layout::Layout;
use renumber::Renumber;

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
    let mut slots = Slots {
        of: HashMap::new(),
        functions: Vec::new(),
        first: layout
            .table_bases
            .last()
            .zip(layout.libraries.last())
            .map_or(1, |(base, library)| base + library.table_size),
    };
    for position in 0..layout.libraries.len() {
        add(&mut linked, &layout, &mut slots, position).map_err(|error| LinkError {
            library: layout.libraries[position].name.to_owned(),
            reason: match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
        })?;
    }
    linked.table_size = u64::from(slots.first) + slots.functions.len() as u64;
    linked.elements.active(
        None,
        &ConstExpr::i32_const(slots.first as i32),
        Elements::Functions(slots.functions.into()),
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

/// The functions whose address is taken by name: the global offset table, as far as it isn't made of constants alone.
struct Slots<'a> {
    of: HashMap<&'a str, i32>,
    functions: Vec<u32>,
    first: u32,
}

impl<'a> Slots<'a> {
    /// The place of a function in the table; 0, which is no function, where nobody defines it.
    fn get(&mut self, name: &'a str, layout: &Layout<'_>) -> i32 {
        *self.of.entry(name).or_insert_with(|| {
            layout.function(name).map_or(0, |function| {
                self.functions.push(function);
                (self.first as usize + self.functions.len() - 1) as i32
            })
        })
    }
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
    slots: &mut Slots<'a>,
    position: usize,
) -> Result<(), Error<LinkError>> {
    let library = &layout.libraries[position];
    let (mut globals, mut constants) = (Vec::new(), HashMap::new());
    for import in &library.imports {
        if !matches!(import.ty, TypeRef::Global(_)) {
            continue;
        }
        let value = match (import.module, import.name) {
            ("env", "__stack_pointer") => {
                globals.push(0);
                continue;
            }
            ("env", "__memory_base") => layout.memory_bases[position] as i32,
            ("env", "__table_base") => layout.table_bases[position] as i32,
            ("GOT.mem", name) => layout.address(name),
            ("GOT.func", name) => slots.get(name, layout),
            (module, name) => {
                return Err(Error::UserError(LinkError {
                    library: library.name.to_owned(),
                    reason: format!("it imports the unknown global {module}.{name}"),
                }));
            }
        };
        constants.insert(globals.len() as u32, value);
        // Holds the place in the library's own numbers; only the constant is ever used.
        globals.push(u32::MAX);
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
