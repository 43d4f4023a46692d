//! A function's code → its loops, what a pass of each costs, and where bulk instructions stand. Changes nothing.

use wasmparser::{FunctionBody, Operator};

/// Prices are kept in eighths, so that what lies behind three branches still counts.
const EIGHTHS: u64 = 8;
/// Branches behind which code counts no less.
const MOST_HALVINGS: u32 = 3;
/// What lies behind branches counts no more than this in one pass, for only some of it runs.
const MOST_BEHIND_BRANCHES: u64 = 48;

/// A function or one loop of it, without the loops within.
#[derive(Default)]
pub(super) struct Region {
    /// Where its first instruction is, and where the loop itself.
    pub(super) at: usize,
    pub(super) before: usize,
    /// Blocks around it, itself included.
    pub(super) depth: u32,
    pub(super) around: Option<usize>,
    /// Eighths of what every pass runs.
    certain: u64,
    /// The same behind branches.
    possible: u64,
    /// Whether something in it or in a loop within counts fuel on its own.
    pub(super) calls: bool,
}

impl Region {
    pub(super) fn price(&self) -> i64 {
        let possible = self.possible.min(MOST_BEHIND_BRANCHES * EIGHTHS);
        ((self.certain + possible) / EIGHTHS).max(1) as i64
    }
}

/// An instruction that moves as much as its topmost operand says.
pub(super) struct Bulk {
    pub(super) at: usize,
    pub(super) depth: u32,
    /// Operands of this many bits' worth of shift are one unit of fuel.
    pub(super) shift: i64,
}

/// One function's loops and bulk instructions, the function itself being the first region.
pub(super) struct Survey {
    pub(super) regions: Vec<Region>,
    pub(super) bulk: Vec<Bulk>,
}

impl Survey {
    pub(super) fn new(body: &FunctionBody<'_>) -> wasmtime::Result<Self> {
        let mut reader = body.get_operators_reader()?;
        let mut survey = Self {
            regions: vec![Region {
                at: reader.original_position(),
                ..Region::default()
            }],
            bulk: Vec::new(),
        };
        // The region of each open block.
        let mut open: Vec<usize> = Vec::new();
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let current = open.last().copied().unwrap_or(0);
            match operator {
                Operator::Loop { .. } => {
                    open.push(survey.regions.len());
                    survey.regions.push(Region {
                        at: reader.original_position(),
                        before: at,
                        depth: open.len() as u32,
                        around: Some(current),
                        ..Region::default()
                    });
                    continue;
                }
                Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                    open.push(current);
                }
                Operator::End => {
                    open.pop();
                    continue;
                }
                _ => {}
            }
            let shift = match operator {
                Operator::MemoryCopy { .. }
                | Operator::MemoryFill { .. }
                | Operator::MemoryInit { .. } => Some(3),
                Operator::TableCopy { .. }
                | Operator::TableFill { .. }
                | Operator::TableInit { .. } => Some(0),
                _ => None,
            };
            if let Some(shift) = shift {
                survey.bulk.push(Bulk {
                    at,
                    depth: open.len() as u32,
                    shift,
                });
            }
            let region = &mut survey.regions[current];
            region.calls |= shift.is_some() || calls(&operator);
            let halvings = open.len() as u32 - region.depth;
            let price = (price(&operator) * EIGHTHS) >> halvings.min(MOST_HALVINGS);
            if halvings == 0 {
                region.certain += price;
            } else {
                region.possible += price;
            }
        }
        // Loops within come after the loops around them.
        for index in (1..survey.regions.len()).rev() {
            if let (true, Some(around)) =
                (survey.regions[index].calls, survey.regions[index].around)
            {
                survey.regions[around].calls = true;
            }
        }
        Ok(survey)
    }
}

/// Whether what it calls may count fuel.
fn calls(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}

/// What an instruction costs: about how long it takes where an addition takes 1.
fn price(operator: &Operator<'_>) -> u64 {
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
