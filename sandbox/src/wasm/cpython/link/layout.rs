//! Where everything lies in the linked module, and what every name means there.

use std::collections::BTreeMap;

use wasmparser::{ExternalKind, TypeRef};

use super::library::{Library, constant, parse};
use super::{LinkError, PAGE, Plan, STACK_LOW, WASI};

/// Where everything lies, and what every name means.
pub(super) struct Layout<'a> {
    pub(super) libraries: Vec<Library<'a>>,
    pub(super) memory_bases: Vec<u32>,
    pub(super) table_bases: Vec<u32>,
    heap_base: u32,
    pub(super) memory_pages: u64,
    stack_bytes: u32,
    /// Index of each WASI import, with its type in the linked module.
    pub(super) wasi: BTreeMap<&'a str, (u32, u32)>,
    /// Index of each stub, with its type, for what nobody defines.
    pub(super) stubs: BTreeMap<(&'a str, &'a str), (u32, u32)>,
    function_bases: Vec<u32>,
    pub(super) type_bases: Vec<u32>,
    pub(super) next_function: u32,
}

impl<'a> Layout<'a> {
    pub(super) fn new(plan: &Plan<'a>) -> Result<Self, LinkError> {
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

    pub(super) fn defined(&self, position: usize, index: u32) -> u32 {
        self.function_bases[position] + index - self.libraries[position].imported_functions
    }

    /// The linked index of the function of this name.
    pub(super) fn function(&self, name: &str) -> Option<u32> {
        self.definition(name)
            .map(|(position, index)| self.defined(position, index))
    }

    /// The address of the datum of this name; 0 where nobody defines it, as for a weak symbol.
    pub(super) fn address(&self, name: &str) -> i32 {
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
    pub(super) fn functions_of(&self, position: usize) -> Vec<u32> {
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
