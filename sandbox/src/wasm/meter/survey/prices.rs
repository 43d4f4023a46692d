//! What one instruction costs, by either tariff. Pure.

use wasmparser::Operator;

/// What an instruction of the interpreter costs: about how long it takes where an addition takes 1.
pub(super) fn estimate(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::LocalGet { .. }
        | Operator::LocalSet { .. }
        | Operator::LocalTee { .. }
        | Operator::I32Const { .. }
        | Operator::I64Const { .. }
        | Operator::F32Const { .. }
        | Operator::F64Const { .. }
        | Operator::Block { .. }
        | Operator::Else
        | Operator::Drop
        | Operator::Nop
        | Operator::Br { .. }
        | Operator::Unreachable => 0,
        Operator::Call { .. } | Operator::ReturnCall { .. } => 4,
        Operator::CallIndirect { .. }
        | Operator::CallRef { .. }
        | Operator::ReturnCallIndirect { .. }
        | Operator::ReturnCallRef { .. }
        | Operator::BrTable { .. }
        | Operator::F32Div
        | Operator::F64Div
        | Operator::F32Sqrt
        | Operator::F64Sqrt
        | Operator::I32DivS
        | Operator::I32DivU
        | Operator::I32RemS
        | Operator::I32RemU
        | Operator::I64DivS
        | Operator::I64DivU
        | Operator::I64RemS
        | Operator::I64RemU => 6,
        Operator::MemoryCopy { .. }
        | Operator::MemoryFill { .. }
        | Operator::MemoryInit { .. }
        | Operator::TableCopy { .. }
        | Operator::TableFill { .. }
        | Operator::TableInit { .. } => 20,
        // These leave the guest.
        Operator::MemoryGrow { .. } | Operator::TableGrow { .. } => 1_000,
        _ => 1,
    }
}

/// What an instruction of a module costs: the cycles until what it gives can be used, as in a chain where each waits for
/// the one before, or more. `examples/wasm prices` measures them.
pub(super) fn exact(operator: &Operator<'_>) -> u64 {
    use Operator as O;
    match operator {
        // No code is made of these.
        O::LocalGet { .. }
        | O::LocalSet { .. }
        | O::LocalTee { .. }
        | O::I32Const { .. }
        | O::I64Const { .. }
        | O::RefNull { .. }
        | O::Block { .. }
        | O::Loop { .. }
        | O::Else
        | O::End
        | O::Drop
        | O::Nop
        | O::Unreachable => 0,
        O::Br { .. }
        | O::Return
        | O::I32Add
        | O::I32Sub
        | O::I32And
        | O::I32Or
        | O::I32Xor
        | O::I32Shl
        | O::I32ShrS
        | O::I32ShrU
        | O::I32Rotl
        | O::I32Rotr
        | O::I64Add
        | O::I64Sub
        | O::I64And
        | O::I64Or
        | O::I64Xor
        | O::I64Shl
        | O::I64ShrS
        | O::I64ShrU
        | O::I64Rotl
        | O::I64Rotr
        | O::I32WrapI64
        | O::I64ExtendI32S
        | O::I64ExtendI32U
        | O::I32Extend8S
        | O::I32Extend16S
        | O::I64Extend8S
        | O::I64Extend16S
        | O::I64Extend32S
        | O::I32Eqz
        | O::I64Eqz
        | O::I32Eq
        | O::I32Ne
        | O::I32LtS
        | O::I32LtU
        | O::I32GtS
        | O::I32GtU
        | O::I32LeS
        | O::I32LeU
        | O::I32GeS
        | O::I32GeU
        | O::I64Eq
        | O::I64Ne
        | O::I64LtS
        | O::I64LtU
        | O::I64GtS
        | O::I64GtU
        | O::I64LeS
        | O::I64LeU
        | O::I64GeS
        | O::I64GeU
        | O::RefIsNull
        | O::F32Const { .. }
        | O::F64Const { .. } => 1,
        O::If { .. }
        | O::BrIf { .. }
        | O::I32Clz
        | O::I32Ctz
        | O::I32Popcnt
        | O::I64Clz
        | O::I64Ctz
        | O::I64Popcnt
        | O::V128Const { .. }
        | O::I32Store { .. }
        | O::I32Store8 { .. }
        | O::I32Store16 { .. }
        | O::I64Store { .. }
        | O::I64Store8 { .. }
        | O::I64Store16 { .. }
        | O::I64Store32 { .. }
        | O::F32Store { .. }
        | O::F64Store { .. }
        | O::V128Store { .. }
        | O::MemorySize { .. }
        | O::TableSize { .. }
        | O::GlobalSet { .. } => 2,
        O::Select
        | O::TypedSelect { .. }
        | O::I32Mul
        | O::I64Mul
        | O::I32Load { .. }
        | O::I32Load8S { .. }
        | O::I32Load8U { .. }
        | O::I32Load16S { .. }
        | O::I32Load16U { .. }
        | O::I64Load { .. }
        | O::I64Load8S { .. }
        | O::I64Load8U { .. }
        | O::I64Load16S { .. }
        | O::I64Load16U { .. }
        | O::I64Load32S { .. }
        | O::I64Load32U { .. }
        | O::F32Load { .. }
        | O::F64Load { .. }
        | O::V128Load { .. }
        | O::F32Neg
        | O::F32Abs
        | O::F64Neg
        | O::F64Abs
        | O::I32ReinterpretF32
        | O::I64ReinterpretF64
        | O::F32ReinterpretI32
        | O::F64ReinterpretI64 => 3,
        O::F32Add
        | O::F32Sub
        | O::F32Mul
        | O::F64Add
        | O::F64Sub
        | O::F64Mul
        | O::GlobalGet { .. } => 4,
        O::F32Eq
        | O::F32Ne
        | O::F32Lt
        | O::F32Gt
        | O::F32Le
        | O::F32Ge
        | O::F64Eq
        | O::F64Ne
        | O::F64Lt
        | O::F64Gt
        | O::F64Le
        | O::F64Ge
        | O::F32DemoteF64
        | O::F64PromoteF32
        | O::F32Copysign
        | O::F64Copysign => 5,
        O::F32Ceil
        | O::F32Floor
        | O::F32Trunc
        | O::F32Nearest
        | O::F64Ceil
        | O::F64Floor
        | O::F64Trunc
        | O::F64Nearest
        | O::F32ConvertI32S
        | O::F32ConvertI32U
        | O::F32ConvertI64S
        | O::F64ConvertI32S
        | O::F64ConvertI32U
        | O::F64ConvertI64S
        | O::Call { .. }
        | O::ReturnCall { .. } => 8,
        O::F32Min
        | O::F32Max
        | O::F64Min
        | O::F64Max
        | O::F32ConvertI64U
        | O::F64ConvertI64U
        | O::TableGet { .. }
        | O::TableSet { .. } => 12,
        O::I32DivS
        | O::I32DivU
        | O::I32RemS
        | O::I32RemU
        | O::F32Div
        | O::F64Div
        | O::I32TruncF32S
        | O::I32TruncF32U
        | O::I32TruncF64S
        | O::I32TruncF64U
        | O::I64TruncF32S
        | O::I64TruncF32U
        | O::I64TruncF64S
        | O::I64TruncF64U
        | O::I32TruncSatF32S
        | O::I32TruncSatF32U
        | O::I32TruncSatF64S
        | O::I32TruncSatF64U
        | O::I64TruncSatF32S
        | O::I64TruncSatF32U
        | O::I64TruncSatF64S
        | O::I64TruncSatF64U
        | O::BrTable { .. }
        | O::CallIndirect { .. }
        | O::CallRef { .. }
        | O::ReturnCallIndirect { .. }
        | O::ReturnCallRef { .. } => 16,
        O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => 20,
        O::F32Sqrt | O::F64Sqrt => 24,
        // These leave the guest.
        O::RefFunc { .. } | O::DataDrop { .. } | O::ElemDrop { .. } => 240,
        O::MemoryCopy { .. }
        | O::MemoryFill { .. }
        | O::MemoryInit { .. }
        | O::TableCopy { .. }
        | O::TableFill { .. }
        | O::TableInit { .. } => 40,
        O::MemoryGrow { .. } | O::TableGrow { .. } => 2_000,
        // Vectors, of which some are a dozen instructions of the processor.
        _ => vector(operator),
    }
}

fn vector(operator: &Operator<'_>) -> u64 {
    use Operator as O;
    match operator {
        O::V128And
        | O::V128AndNot
        | O::V128Or
        | O::V128Xor
        | O::I8x16Add
        | O::I8x16Sub
        | O::I16x8Add
        | O::I16x8Sub
        | O::I32x4Add
        | O::I32x4Sub
        | O::I64x2Add
        | O::I64x2Sub
        | O::I16x8Mul
        | O::I32x4Mul
        | O::F32x4Add
        | O::F32x4Sub
        | O::F32x4Mul
        | O::F64x2Add
        | O::F64x2Sub
        | O::F64x2Mul => 4,
        O::F32x4Sqrt | O::F64x2Sqrt | O::F32x4Div | O::F64x2Div => 24,
        _ => 16,
    }
}
