//! The tariff of modules: whatever runs is paid for, and nobody gains by where code stands.
//!
//! A pass around a loop and the call of a function pay for what every pass runs. Code behind a branch pays for itself as it
//! runs, by a subtraction without a check: the next loop or call checks. Of code behind branches that is next to nothing,
//! a pass pays half, because a subtraction would cost more than it does; so little that nobody pays less than half of what
//! it takes.

use wasmparser::{FunctionBody, Operator};

use super::prices::exact;
use super::{Arm, Bulk, Survey, calls};

/// What a pass around a loop takes for itself: counting, and looking at the clock.
const PASS: u64 = 2;
/// What the code that pays for itself takes for that.
const ARM: u64 = 2;
/// Code behind branches of which a pass pays half, in all.
const HALVED: u64 = 12;
/// A function without loops and calls that takes no more than this is part of the price of a call.
const FREE: u64 = 6;
/// After the first branch, code that may be skipped counts as run by every pass up to this.
const LONG: u64 = 48;

/// Code that runs from its start to its end, or not at all.
struct Straight {
    at: usize,
    region: usize,
    /// Whether it stands in its region's own block.
    outermost: bool,
    price: u64,
}

/// What walks over a function's code.
struct Walk {
    survey: Survey,
    /// The region of each open block.
    open: Vec<usize>,
    /// Whether each region had a branch so far.
    branched: Vec<bool>,
    /// Code behind branches, in order.
    behind: Vec<Straight>,
    now: Straight,
}

pub(super) fn survey(body: &FunctionBody<'_>) -> wasmtime::Result<Survey> {
    let mut reader = body.get_operators_reader()?;
    let at = reader.original_position();
    let mut walk = Walk {
        survey: Survey::begin(at),
        open: Vec::new(),
        branched: vec![false],
        behind: Vec::new(),
        now: Straight {
            at,
            region: 0,
            outermost: true,
            price: 0,
        },
    };
    while !reader.eof() {
        let (operator, at) = reader.read_with_offset()?;
        walk.step(&operator, at, reader.original_position());
    }
    walk.end(0);
    Ok(walk.finish())
}

impl Walk {
    fn step(&mut self, operator: &Operator<'_>, at: usize, next: usize) {
        let current = self.open.last().copied().unwrap_or(0);
        self.now.price += exact(operator);
        self.survey.regions[current].calls |= calls(operator);
        match operator {
            Operator::Loop { .. } => {
                self.open.push(self.survey.regions.len());
                let depth = self.open.len();
                self.survey.enter_loop(at, next, depth, current);
                self.branched.push(false);
                self.end(next);
            }
            // Nothing comes in or leaves where a block begins.
            Operator::Block { .. } => self.open.push(current),
            Operator::If { .. } | Operator::TryTable { .. } => {
                self.open.push(current);
                self.branch(current);
                self.end(next);
            }
            Operator::End => {
                self.open.pop();
                self.end(next);
            }
            Operator::Else => self.end(next),
            Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::Return
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Unreachable => {
                self.branch(current);
                self.end(next);
            }
            _ => self.bulk(operator, at, current),
        }
    }

    /// A branch leaves this region, or a part of it.
    fn branch(&mut self, region: usize) {
        self.branched[region] = true;
    }

    /// What is straight ends here, and the next begins.
    fn end(&mut self, next: usize) {
        let region = self.open.last().copied().unwrap_or(0);
        let outermost = self.open.len() == self.survey.regions[region].depth as usize;
        let next = Straight {
            at: next,
            region,
            outermost,
            price: 0,
        };
        let done = std::mem::replace(&mut self.now, next);
        let first = !self.branched[done.region] || done.at == self.survey.regions[done.region].at;
        if done.price == 0 {
            return;
        }
        if done.outermost && (first || done.price < LONG) {
            self.survey.regions[done.region].certain += done.price;
        } else {
            self.behind.push(done);
        }
    }

    fn bulk(&mut self, operator: &Operator<'_>, at: usize, region: usize) {
        let (shift, times) = match operator {
            // As the second-level cache gives them; from memory they take several times as long.
            Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryInit { .. } => (3, 1),
            Operator::TableCopy { .. }
            | Operator::TableFill { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. } => (0, 4),
            _ => return,
        };
        self.survey.regions[region].calls = true;
        self.survey.bulk.push(Bulk {
            at,
            depth: self.open.len() as u32,
            shift,
            times,
        });
    }

    fn finish(mut self) -> Survey {
        self.survey.spread_calls();
        // The least of it first, where a payment would weigh the most.
        self.behind.sort_by_key(|straight| straight.price);
        for Straight {
            at, region, price, ..
        } in self.behind
        {
            let place = &mut self.survey.regions[region];
            if place.possible + price <= HALVED {
                place.possible += price;
            } else {
                self.survey.arms.push(Arm {
                    at,
                    price: (price + ARM) as i64,
                    region,
                });
            }
        }
        for (index, region) in self.survey.regions.iter_mut().enumerate() {
            let price = region.certain + region.possible.div_ceil(2);
            let free = index == 0 && !region.calls && price <= FREE;
            if !free {
                region.price = (price + if index == 0 { ARM } else { PASS }) as i64;
            }
        }
        self.survey
    }
}
