//! A library as it is read: its sections, and what it says of itself as a shared library.

use std::collections::HashMap;

use wasmparser::{
    Dylink0Subsection, ElementSectionReader, ExternalKind, FunctionBody, Global, KnownCustom,
    Operator, Parser, Payload, TypeRef, TypeSectionReader,
};

use super::LinkError;

/// One library.
pub(super) struct Library<'a> {
    pub(super) name: &'a str,
    pub(super) types: Option<TypeSectionReader<'a>>,
    pub(super) type_count: u32,
    pub(super) imports: Vec<wasmparser::Import<'a>>,
    pub(super) functions: Vec<u32>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) exports: HashMap<&'a str, (ExternalKind, u32)>,
    pub(super) start: Option<u32>,
    pub(super) elements: Option<ElementSectionReader<'a>>,
    pub(super) code: Vec<FunctionBody<'a>>,
    pub(super) data: Option<wasmparser::DataSectionReader<'a>>,
    pub(super) memory_size: u32,
    pub(super) memory_alignment: u32,
    pub(super) table_size: u32,
    pub(super) imported_functions: u32,
    pub(super) imported_globals: u32,
}

pub(super) fn parse<'a>(name: &'a str, bytes: &'a [u8]) -> Result<Library<'a>, LinkError> {
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
pub(super) fn constant(expression: &wasmparser::ConstExpr<'_>) -> Option<i32> {
    match expression.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => Some(value),
        _ => None,
    }
}
