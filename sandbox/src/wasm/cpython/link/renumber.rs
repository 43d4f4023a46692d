//! Indices of one library → indices of the linked module, in everything that is copied.

use std::collections::HashMap;

use wasm_encoder::Instruction;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasmparser::Operator;

use super::LinkError;

/// The indices of one library's things in the linked module.
pub(super) struct Renumber<'a> {
    pub(super) type_base: u32,
    pub(super) functions: Vec<u32>,
    pub(super) globals: Vec<u32>,
    /// Values of the imported globals, all but the stack pointer, by the library's own global index.
    pub(super) constants: &'a HashMap<u32, i32>,
}

impl Reencode for Renumber<'_> {
    type Error = LinkError;

    fn type_index(&mut self, index: u32) -> Result<u32, Error<LinkError>> {
        Ok(self.type_base + index)
    }

    fn function_index(&mut self, index: u32) -> Result<u32, Error<LinkError>> {
        find(&self.functions, index)
    }

    fn global_index(&mut self, index: u32) -> Result<u32, Error<LinkError>> {
        find(&self.globals, index)
    }

    /// An address that is known is no variable, in code as in initial values.
    fn instruction<'a>(
        &mut self,
        operator: Operator<'a>,
    ) -> Result<Instruction<'a>, Error<LinkError>> {
        match operator {
            Operator::GlobalGet { global_index } if self.constants.contains_key(&global_index) => {
                Ok(Instruction::I32Const(self.constants[&global_index]))
            }
            other => utils::instruction(self, other),
        }
    }
}

fn find(map: &[u32], index: u32) -> Result<u32, Error<LinkError>> {
    map.get(index as usize).copied().ok_or_else(|| {
        Error::UserError(LinkError {
            library: "a library".to_owned(),
            reason: format!("it refers to index {index}, which it does not have"),
        })
    })
}
