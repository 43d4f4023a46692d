//! What a module may hold at most: counts that a compiler takes more than linear time or memory in. Pure.
//!
//! The bounds lie far above what compilers of C, C++, Rust and Go make of a program and far below what takes seconds. What
//! is over one is refused by its name, as the program's fault. What is malformed is left to the validator, which knows
//! better words. The child that compiles has limits besides; these are there so that the reason can be told.

use wasmparser::{
    BlockType, CompositeInnerType, DataKind, FunctionBody, Operator, Parser, Payload, TryTable,
    TypeRef,
};

/// Most bytes of one function.
const FUNCTION_BYTES: u64 = 1 << 20;
/// Most loops within one another: the compiler's time grows with their square.
const NESTED_LOOPS: u64 = 256;
/// Most blocks within one another.
const NESTED_BLOCKS: u64 = 20_000;
/// Most locals of a function, and most of them times its blocks, for the compiler keeps a table of both.
const LOCALS: u64 = 20_000;
const LOCALS_BY_BLOCKS: u64 = 64 << 20;
/// Most targets of all `br_table` of a function.
const TARGETS: u64 = 1 << 17;
/// Most values that all branches and calls of a function carry.
const CARRIED: u64 = 1 << 21;
const CARRIES: &str = "values carried by the branches and calls of a function";
/// Most types.
const TYPES: u64 = 50_000;
/// Most parameters and results of a type, and of all types.
const VALUES: u64 = 1_000;
const ALL_VALUES: u64 = 1 << 18;
/// Bytes between the first and the last that data gives, for what lies between is kept as well.
const DATA_SPAN: u64 = 64 << 20;

/// Counts something, and refuses it past its bound.
struct Count {
    what: &'static str,
    most: u64,
    seen: u64,
}

impl Count {
    const fn new(what: &'static str, most: u64) -> Self {
        Self {
            what,
            most,
            seen: 0,
        }
    }

    fn add(&mut self, more: u64) -> Result<(), String> {
        self.seen = self.seen.saturating_add(more);
        within(self.seen, self.most, self.what)
    }
}

fn within(seen: u64, most: u64, what: &str) -> Result<(), String> {
    if seen > most {
        return Err(format!(
            "the module has {seen} {what}; at most {most} are accepted"
        ));
    }
    Ok(())
}

fn malformed(error: wasmparser::BinaryReaderError) -> String {
    error.to_string()
}

/// What a function's code refers to by number.
#[derive(Default)]
struct Shape {
    /// Parameters and results of each type; 0 for what is no function.
    arities: Vec<u64>,
    /// The type of each function.
    functions: Vec<u32>,
    /// Functions that are imported.
    imported: usize,
}

impl Shape {
    fn of_type(&self, index: u32) -> u64 {
        self.arities.get(index as usize).copied().unwrap_or(0)
    }

    fn of_function(&self, index: usize) -> u64 {
        self.functions
            .get(index)
            .map_or(0, |&kind| self.of_type(kind))
    }
}

/// Refuses what would take too long to compile.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut shape = Shape::default();
    let mut values = Count::new("parameters and results of types", ALL_VALUES);
    let mut span: Option<(u64, u64)> = None;
    let mut bodies = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(malformed)?;
        sections(&payload)?;
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for kind in group.map_err(malformed)?.types() {
                        let arity = match &kind.composite_type.inner {
                            CompositeInnerType::Func(kind) => {
                                (kind.params().len() + kind.results().len()) as u64
                            }
                            _ => 0,
                        };
                        within(arity, VALUES, "parameters and results of one type")?;
                        values.add(arity)?;
                        shape.arities.push(arity);
                        within(shape.arities.len() as u64, TYPES, "types")?;
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Func(kind) = import.map_err(malformed)?.ty {
                        shape.functions.push(kind);
                    }
                }
                shape.imported = shape.functions.len();
            }
            Payload::FunctionSection(section) => {
                for kind in section {
                    shape.functions.push(kind.map_err(malformed)?);
                }
            }
            Payload::DataSection(section) => {
                for segment in section {
                    let segment = segment.map_err(malformed)?;
                    let DataKind::Active { offset_expr, .. } = segment.kind else {
                        continue;
                    };
                    let mut reader = offset_expr.get_operators_reader();
                    // Others are known when the module runs; then they are no part of the compiled module's image.
                    let Operator::I32Const { value } = reader.read().map_err(malformed)? else {
                        continue;
                    };
                    let begin = u64::from(value.cast_unsigned());
                    let end = begin + segment.data.len() as u64;
                    let (first, last) = span.unwrap_or((begin, end));
                    span = Some((first.min(begin), last.max(end)));
                }
            }
            Payload::CodeSectionEntry(body) => {
                let own = shape.of_function(shape.imported + bodies);
                function(&body, own, &shape)?;
                bodies += 1;
            }
            _ => {}
        }
    }
    let (first, last) = span.unwrap_or_default();
    within(
        last - first,
        DATA_SPAN,
        "bytes from the first to the last that data gives",
    )
}

/// Refuses sections with too many entries.
fn sections(payload: &Payload<'_>) -> Result<(), String> {
    let (seen, most, what) = match payload {
        Payload::TypeSection(section) => (section.count(), TYPES, "types"),
        Payload::ImportSection(section) => (section.count(), 1_000, "imports"),
        Payload::FunctionSection(section) => (section.count(), 100_000, "functions"),
        Payload::TableSection(section) => (section.count(), 4, "tables"),
        Payload::MemorySection(section) => (section.count(), 1, "memories"),
        Payload::GlobalSection(section) => (section.count(), 20_000, "globals"),
        Payload::ExportSection(section) => (section.count(), 100_000, "exports"),
        Payload::TagSection(section) => (section.count(), 1_000, "tags"),
        Payload::ElementSection(section) => (section.count(), 50_000, "element segments"),
        Payload::DataSection(section) => (section.count(), 50_000, "data segments"),
        _ => return Ok(()),
    };
    within(u64::from(seen), most, what)
}

/// The same for one function with so many parameters and results.
fn function(body: &FunctionBody<'_>, own: u64, shape: &Shape) -> Result<(), String> {
    within(
        body.range().len() as u64,
        FUNCTION_BYTES,
        "bytes in a function",
    )?;
    let mut locals = Count::new("locals in a function", LOCALS);
    locals.add(own)?;
    for group in body.get_locals_reader().map_err(malformed)? {
        locals.add(u64::from(group.map_err(malformed)?.0))?;
    }
    let mut targets = Count::new("targets of br_table in a function", TARGETS);
    let mut carried = Count::new(CARRIES, CARRIED);
    let mut edges: u64 = 0;
    // Whether each open block is a loop.
    let mut open: Vec<bool> = Vec::new();
    let mut loops: u64 = 0;
    // The most values that a block of this function takes or leaves, the function itself being one.
    let mut widest = own.max(1);
    let mut blocks: u64 = 1;
    let mut reader = body.get_operators_reader().map_err(malformed)?;
    while !reader.eof() {
        let operator = reader.read().map_err(malformed)?;
        match &operator {
            Operator::Block { blockty }
            | Operator::Loop { blockty }
            | Operator::If { blockty }
            | Operator::TryTable {
                try_table: TryTable { ty: blockty, .. },
            } => {
                let is_loop = matches!(operator, Operator::Loop { .. });
                open.push(is_loop);
                loops += u64::from(is_loop);
                within(loops, NESTED_LOOPS, "loops within one another")?;
                let nested = open.len() as u64;
                within(nested, NESTED_BLOCKS, "blocks within one another")?;
                if let BlockType::FuncType(index) = blockty {
                    widest = widest.max(shape.of_type(*index));
                }
                blocks += 2;
                edges += 2;
            }
            // The last one is the function's own.
            Operator::End => loops -= u64::from(open.pop() == Some(true)),
            Operator::BrTable { targets: table } => {
                targets.add(u64::from(table.len()))?;
                edges += u64::from(table.len()) + 1;
                blocks += 1;
            }
            Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::Return => {
                edges += 1;
                blocks += 1;
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                carried.add(shape.of_function(*function_index as usize))?;
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => carried.add(shape.of_type(*type_index))?,
            _ => {}
        }
    }
    within(
        locals.seen.saturating_mul(blocks),
        LOCALS_BY_BLOCKS,
        "locals times blocks in a function",
    )?;
    within(edges.saturating_mul(widest), CARRIED, CARRIES)
}

#[cfg(test)]
mod tests;
