//! A function's code and what its passes cost → the code that pays for them.

use wasm_encoder::{BlockType, Encode, Instruction};
use wasmparser::{FuncType, FunctionBody};

use super::Added;
use super::survey::{Arm, Bulk, Survey};

/// The body of a function that pays.
pub(super) fn paying(
    body: &FunctionBody<'_>,
    kind: &FuncType,
    added: &mut Added,
) -> wasmtime::Result<Vec<u8>> {
    let survey = Survey::new(body, added.tariff)?;
    if survey.is_free() {
        return Ok(body.as_bytes().to_vec());
    }
    let mut locals = body.get_locals_reader()?;
    let (groups, first_local) = (locals.get_count(), locals.original_position());
    let mut declared = 0;
    for _ in 0..groups {
        declared += locals.read()?.0;
    }
    let pay = Pay {
        global: added.global,
        left: kind.params().len() as u32 + declared,
    };
    // What is put in, where, and in which order at one place.
    let mut patches: Vec<(usize, Order, Vec<u8>)> = Vec::new();
    // Where nothing else counts fuel, what is left needn't be read again: a loop would wait for it every time.
    let alone = |index: usize| index > 0 && !survey.regions[index].calls;
    for (index, region) in survey.regions.iter().enumerate() {
        if alone(index) && !region.around.is_some_and(alone) {
            let mut bytes = Vec::new();
            Instruction::GlobalGet(pay.global).encode(&mut bytes);
            Instruction::LocalSet(pay.left).encode(&mut bytes);
            patches.push((region.before, Order::Before, bytes));
        }
        if region.price > 0 {
            let bytes = if region.checks(index) {
                pay.constant(region.price, region.depth, alone(index))
            } else {
                pay.unchecked(region.price, false)
            };
            patches.push((region.at, Order::Pass, bytes));
        }
    }
    for Arm { at, price, region } in &survey.arms {
        let bytes = pay.unchecked(*price, alone(*region));
        patches.push((*at, Order::Arm, bytes));
    }
    for bulk in &survey.bulk {
        patches.push((bulk.at, Order::Bulk, pay.operand(bulk)));
    }
    patches.sort_by_key(|&(at, order, _)| (at, order));
    let (start, all) = (body.range().start, body.as_bytes());
    let mut bytes = Vec::with_capacity(all.len() + 64 * patches.len() + 32);
    (groups + 2).encode(&mut bytes);
    let mut at = survey.regions[0].at;
    bytes.extend_from_slice(&all[first_local - start..at - start]);
    bytes.extend_from_slice(&[1, 0x7e, 1, 0x7f]);
    Instruction::Block(BlockType::Empty).encode(&mut bytes);
    Instruction::Block(added.block(kind)?).encode(&mut bytes);
    for (place, _, patch) in patches {
        bytes.extend_from_slice(&all[at - start..place - start]);
        bytes.extend_from_slice(&patch);
        at = place;
    }
    // The end of the function becomes the end of the inner block.
    bytes.extend_from_slice(&all[at - start..]);
    for instruction in [
        Instruction::Return,
        Instruction::End,
        Instruction::Unreachable,
        Instruction::End,
    ] {
        instruction.encode(&mut bytes);
    }
    Ok(bytes)
}

/// What comes first of patches at one place: what begins a loop, what its first instructions pay, what the next loop finds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Pass,
    Arm,
    Before,
    Bulk,
}

/// Instructions that pay.
struct Pay {
    global: u32,
    /// A local of a function: what is left, as last seen. The next one holds an operand.
    left: u32,
}

impl Pay {
    /// Pays a price that is known, under so many blocks.
    fn constant(&self, price: i64, depth: u32, left_is_known: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        if left_is_known {
            Instruction::LocalGet(self.left).encode(&mut bytes);
        } else {
            Instruction::GlobalGet(self.global).encode(&mut bytes);
        }
        Instruction::I64Const(price).encode(&mut bytes);
        self.finish(depth, &mut bytes);
        bytes
    }

    /// Pays without a look at what is left then.
    fn unchecked(&self, price: i64, left_is_known: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        if left_is_known {
            Instruction::LocalGet(self.left).encode(&mut bytes);
        } else {
            Instruction::GlobalGet(self.global).encode(&mut bytes);
        }
        Instruction::I64Const(price).encode(&mut bytes);
        Instruction::I64Sub.encode(&mut bytes);
        if left_is_known {
            Instruction::LocalTee(self.left).encode(&mut bytes);
        }
        Instruction::GlobalSet(self.global).encode(&mut bytes);
        bytes
    }

    /// Pays for what the topmost operand says, which stays.
    fn operand(&self, bulk: &Bulk) -> Vec<u8> {
        let operand = self.left + 1;
        let mut bytes = Vec::new();
        for instruction in [
            Instruction::LocalSet(operand),
            Instruction::GlobalGet(self.global),
            Instruction::LocalGet(operand),
            Instruction::I64ExtendI32U,
            Instruction::I64Const(bulk.shift),
            Instruction::I64ShrU,
        ] {
            instruction.encode(&mut bytes);
        }
        if bulk.times != 1 {
            Instruction::I64Const(bulk.times).encode(&mut bytes);
            Instruction::I64Mul.encode(&mut bytes);
        }
        self.finish(bulk.depth, &mut bytes);
        Instruction::LocalGet(operand).encode(&mut bytes);
        bytes
    }

    /// Takes the one operand from the other, keeps the rest, and leaves if it is below zero.
    fn finish(&self, depth: u32, bytes: &mut Vec<u8>) {
        for instruction in [
            Instruction::I64Sub,
            Instruction::LocalTee(self.left),
            Instruction::GlobalSet(self.global),
            Instruction::LocalGet(self.left),
            Instruction::I64Const(0),
            Instruction::I64LtS,
            // Past the blocks around this, and past the one that is the body.
            Instruction::BrIf(depth + 1),
        ] {
            instruction.encode(bytes);
        }
    }
}
