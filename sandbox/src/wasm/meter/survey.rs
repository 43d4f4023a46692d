//! A function's code → its loops, what a pass of each costs, and what else pays. Changes nothing.
//!
//! Two tariffs. The interpreter's is an estimate by which one pass around its main loop, with a branch for each of its
//! instructions, pays once and little: nobody but us chooses that code. A module's is for code that whoever pays for it
//! has written: what runs is what is paid for, wherever it stands (`strict`).

use wasmparser::{FunctionBody, Operator};

use super::Tariff;

mod prices;
mod strict;

use prices::estimate;

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
    /// What every pass pays; 0 for a function that pays nothing.
    pub(super) price: i64,
    /// Eighths of what every pass runs.
    certain: u64,
    /// The same behind branches.
    possible: u64,
    /// Whether something in it or in a loop within counts fuel on its own.
    pub(super) calls: bool,
}

impl Region {
    /// Whether a pass must look whether there is any fuel left: only so does what never ends end.
    pub(super) fn checks(&self, index: usize) -> bool {
        index > 0 || self.calls
    }
}

/// Code behind a branch that pays for itself when it runs.
pub(super) struct Arm {
    pub(super) at: usize,
    pub(super) price: i64,
    pub(super) region: usize,
}

/// An instruction that moves as much as its topmost operand says.
pub(super) struct Bulk {
    pub(super) at: usize,
    pub(super) depth: u32,
    /// Operands of this many bits' worth of shift are one unit of fuel.
    pub(super) shift: i64,
    /// Units of fuel for each of them.
    pub(super) times: i64,
}

/// One function's loops and bulk instructions, the function itself being the first region.
pub(super) struct Survey {
    pub(super) regions: Vec<Region>,
    pub(super) arms: Vec<Arm>,
    pub(super) bulk: Vec<Bulk>,
}

impl Survey {
    pub(super) fn new(body: &FunctionBody<'_>, tariff: Tariff) -> wasmtime::Result<Self> {
        match tariff {
            Tariff::Interpreter => Self::estimated(body),
            Tariff::Module => strict::survey(body),
        }
    }

    /// Whether nothing in it pays.
    pub(super) fn is_free(&self) -> bool {
        self.regions.len() == 1
            && self.arms.is_empty()
            && !self.regions[0].calls
            && self.regions[0].price == 0
    }

    fn estimated(body: &FunctionBody<'_>) -> wasmtime::Result<Self> {
        let mut reader = body.get_operators_reader()?;
        let mut survey = Self::begin(reader.original_position());
        // The region of each open block.
        let mut open: Vec<usize> = Vec::new();
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let current = open.last().copied().unwrap_or(0);
            match operator {
                Operator::Loop { .. } => {
                    open.push(survey.regions.len());
                    survey.enter_loop(at, reader.original_position(), open.len(), current);
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
                    times: 1,
                });
            }
            let region = &mut survey.regions[current];
            region.calls |= shift.is_some() || calls(&operator);
            let halvings = open.len() as u32 - region.depth;
            let price = (estimate(&operator) * EIGHTHS) >> halvings.min(MOST_HALVINGS);
            if halvings == 0 {
                region.certain += price;
            } else {
                region.possible += price;
            }
        }
        survey.spread_calls();
        for (index, region) in survey.regions.iter_mut().enumerate() {
            let possible = region.possible.min(MOST_BEHIND_BRANCHES * EIGHTHS);
            // A function that calls nothing and loops nowhere is part of the price of a call.
            if index > 0 || region.calls {
                region.price = ((region.certain + possible) / EIGHTHS).max(1) as i64;
            }
        }
        Ok(survey)
    }

    fn begin(at: usize) -> Self {
        Self {
            regions: vec![Region {
                at,
                ..Region::default()
            }],
            arms: Vec::new(),
            bulk: Vec::new(),
        }
    }

    fn enter_loop(&mut self, before: usize, at: usize, depth: usize, around: usize) {
        self.regions.push(Region {
            at,
            before,
            depth: depth as u32,
            around: Some(around),
            ..Region::default()
        });
    }

    /// Loops around what counts fuel on its own do so, too.
    fn spread_calls(&mut self) {
        // Loops within come after the loops around them.
        for index in (1..self.regions.len()).rev() {
            if let (true, Some(around)) = (self.regions[index].calls, self.regions[index].around) {
                self.regions[around].calls = true;
            }
        }
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
