//! Rules for system calls → a classic BPF program for seccomp, as a binary search over call numbers.
//!
//! A search of depth eight instead of a list of hundreds: the kernel translates the program, and tries it on
//! every call number, each time it is installed, which is once per program that is run.

use std::collections::BTreeMap;

/// What the kernel does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Allow,
    /// Fail with this error.
    Errno(i32),
    /// Kill the process with SIGSYS.
    Kill,
}

/// Answer for one call, perhaps by the low 32 bits of one argument: all that the kernel reads of it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    test: Option<(u8, Test)>,
    then: Answer,
    otherwise: Answer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    AnyBit(u32),
    OneOf(Vec<u32>),
    /// This argument and the next.
    BothZero,
}

/// One instruction (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

// linux/bpf_common.h and linux/seccomp.h
const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const JUMP_IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;
const CALL_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;

impl Rule {
    pub(crate) fn always(answer: Answer) -> Self {
        Self {
            test: None,
            then: answer,
            otherwise: answer,
        }
    }

    /// `then` if the argument has one of the bits.
    pub(crate) fn if_any_bit(argument: u8, bits: u32, then: Answer, otherwise: Answer) -> Self {
        Self {
            test: Some((argument, Test::AnyBit(bits))),
            then,
            otherwise,
        }
    }

    /// `then` if the argument is one of the values.
    pub(crate) fn if_one_of(argument: u8, values: &[u32], then: Answer, otherwise: Answer) -> Self {
        Self {
            test: Some((argument, Test::OneOf(values.to_vec()))),
            then,
            otherwise,
        }
    }

    /// `then` if the argument and the one after it are zero.
    pub(crate) fn if_both_zero(argument: u8, then: Answer, otherwise: Answer) -> Self {
        Self {
            test: Some((argument, Test::BothZero)),
            then,
            otherwise,
        }
    }

    fn emit(&self, program: &mut Vec<Instruction>) {
        if let Some((argument, test)) = &self.test {
            // Both architectures are little-endian: the low half comes first.
            let load = |argument: u8| instruction(LOAD, ARGUMENTS_AT + 8 * u32::from(argument));
            program.push(load(*argument));
            let (code, values) = match test {
                Test::AnyBit(bits) => (JUMP_IF_ANY_BIT, std::slice::from_ref(bits)),
                Test::OneOf(values) => (JUMP_IF_EQUAL, values.as_slice()),
                Test::BothZero => {
                    // Over the second test, to the other answer.
                    program.push(Instruction {
                        code: JUMP_IF_EQUAL,
                        if_true: 0,
                        if_false: 2,
                        value: 0,
                    });
                    program.push(load(argument + 1));
                    (JUMP_IF_EQUAL, &[0][..])
                }
            };
            for (index, &value) in values.iter().enumerate() {
                // Over the remaining tests and the other answer.
                program.push(Instruction {
                    code,
                    if_true: (values.len() - index) as u8,
                    if_false: 0,
                    value,
                });
            }
            program.push(self.otherwise.instruction());
        }
        program.push(self.then.instruction());
    }
}

impl Answer {
    fn instruction(self) -> Instruction {
        let value = match self {
            Self::Allow => libc::SECCOMP_RET_ALLOW,
            Self::Errno(number) => libc::SECCOMP_RET_ERRNO | number as u32,
            Self::Kill => libc::SECCOMP_RET_KILL_PROCESS,
        };
        instruction(RETURN, value)
    }
}

impl Instruction {
    pub(crate) fn to_bytes(self) -> [u8; 8] {
        let (code, value) = (self.code.to_ne_bytes(), self.value.to_ne_bytes());
        [
            code[0],
            code[1],
            self.if_true,
            self.if_false,
            value[0],
            value[1],
            value[2],
            value[3],
        ]
    }
}

fn instruction(code: u16, value: u32) -> Instruction {
    Instruction {
        code,
        if_true: 0,
        if_false: 0,
        value,
    }
}

/// The program. Calls of another architecture kill; calls without a rule get `otherwise`.
pub(crate) fn program(
    architecture: u32,
    rules: &BTreeMap<u32, Rule>,
    otherwise: Answer,
) -> Vec<Instruction> {
    let mut program = vec![
        instruction(LOAD, ARCHITECTURE_AT),
        Instruction {
            code: JUMP_IF_EQUAL,
            if_true: 1,
            if_false: 0,
            value: architecture,
        },
        Answer::Kill.instruction(),
        instruction(LOAD, CALL_AT),
    ];
    // Each segment reaches from its call to the next one's.
    let mut segments: Vec<(u32, Rule)> = vec![(0, Rule::always(otherwise))];
    for (&call, rule) in rules {
        for (start, rule) in [(call, rule.clone()), (call + 1, Rule::always(otherwise))] {
            if segments.last().is_some_and(|(last, _)| *last == start) {
                segments.pop();
            }
            if segments.last().is_none_or(|(_, last)| *last != rule) {
                segments.push((start, rule));
            }
        }
    }
    search(&segments, &mut program);
    program
}

/// Emits the search among segments, the call being loaded.
fn search(segments: &[(u32, Rule)], program: &mut Vec<Instruction>) {
    if let [(_, rule)] = segments {
        return rule.emit(program);
    }
    let (low, high) = segments.split_at(segments.len() / 2);
    let mut below = Vec::new();
    search(low, &mut below);
    let at_least = |if_true, if_false| Instruction {
        code: JUMP_IF_AT_LEAST,
        if_true,
        if_false,
        value: high[0].0,
    };
    if let Ok(length) = u8::try_from(below.len()) {
        program.push(at_least(length, 0));
    } else {
        // Too far for a conditional jump.
        program.push(at_least(0, 1));
        program.push(instruction(JUMP, below.len() as u32));
    }
    program.append(&mut below);
    search(high, program);
}

/// What the kernel would answer.
#[cfg(test)]
pub(crate) fn answer(
    program: &[Instruction],
    architecture: u32,
    call: u32,
    arguments: [u64; 6],
) -> Answer {
    let (mut at, mut loaded) = (0, 0);
    loop {
        let Instruction {
            code,
            if_true,
            if_false,
            value,
        } = program[at];
        at += 1;
        let holds = match code {
            LOAD => {
                loaded = match value {
                    CALL_AT => call,
                    ARCHITECTURE_AT => architecture,
                    offset => (arguments[(offset as usize - 16) / 8] >> ((offset % 8) * 8)) as u32,
                };
                continue;
            }
            JUMP => {
                at += value as usize;
                continue;
            }
            RETURN if value == libc::SECCOMP_RET_ALLOW => return Answer::Allow,
            RETURN if value == libc::SECCOMP_RET_KILL_PROCESS => return Answer::Kill,
            RETURN => return Answer::Errno((value & 0xffff) as i32),
            JUMP_IF_EQUAL => loaded == value,
            JUMP_IF_AT_LEAST => loaded >= value,
            JUMP_IF_ANY_BIT => loaded & value != 0,
            code => panic!("{code:#x}"),
        };
        at += usize::from(if holds { if_true } else { if_false });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_answer() -> impl Strategy<Value = Answer> {
        prop_oneof![
            Just(Answer::Allow),
            Just(Answer::Kill),
            (1..4000).prop_map(Answer::Errno)
        ]
    }

    proptest! {
        #[test]
        fn the_program_answers_as_the_rules_say(
            rules in proptest::collection::btree_map(0_u32..400, any_answer(), 0..300),
            otherwise in any_answer(),
        ) {
            let table = rules.iter().map(|(&call, &answer)| (call, Rule::always(answer))).collect();
            let program = program(7, &table, otherwise);
            for call in (0..402).chain([u32::MAX, 0x4000_0000]) {
                prop_assert_eq!(answer(&program, 7, call, [0; 6]), rules.get(&call).copied().unwrap_or(otherwise));
            }
            prop_assert_eq!(answer(&program, 8, 0, [0; 6]), Answer::Kill);
        }
    }
}
