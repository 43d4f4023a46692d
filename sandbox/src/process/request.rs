//! What a jail is told of a program's limits.

use super::image::Image;
use crate::limits::Limits;
use crate::protocol::wire::ProgramRequest;

/// Processes of the jail itself: the zygote and the program's first process.
pub(super) const OWN_PROCESSES: u64 = 2;

/// What the zygote is told of the limits: `address_space` is what the interpreter itself takes, where addresses have to
/// stand in for memory; `most_processes` is what a jail may have of those where nobody else bounds them.
pub(super) fn request(
    limits: &Limits,
    image: &Image<'_>,
    address_space: Option<u64>,
    most_processes: Option<u64>,
) -> ProgramRequest {
    ProgramRequest {
        beginning: image.beginning,
        cpu_seconds: limits.cpu_ms.div_ceil(1000).saturating_add(1).min(1 << 30),
        address_space_bytes: address_space.map_or(0, |base_bytes| {
            limits.memory_bytes.saturating_add(base_bytes).min(1 << 62)
        }),
        processes: most_processes.map_or(0, |most| {
            limits.processes.saturating_add(OWN_PROCESSES).min(most)
        }),
        open_files: limits.open_files.min(1 << 20),
        file_bytes: limits.file_bytes.max(image.given_bytes).min(1 << 62),
        stack_bytes: limits.stack_bytes.min(1 << 62),
        digits: limits
            .int_digits
            .filter(|_| image.is_python)
            .map_or(0, |digits| u64::from(digits) + 1),
        // Files lie in memory: they must leave room to tidy up after them.
        scratch_bytes: limits
            .file_bytes
            .min(limits.memory_bytes / 2)
            .saturating_add(image.given_bytes)
            .clamp(4096, 1 << 62),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::worker::MOST_PROCESSES;
    use super::*;
    use crate::job::{Job, Language, Start};

    proptest! {
        /// Whatever the limits, what the zygote is told overflows nothing, and never allows more than they do, but for
        /// what the jail itself takes and the rounding up to whole seconds.
        #[test]
        fn a_request_never_loosens_a_limit(
            numbers in any::<[u64; 8]>(),
            shift in 0..64_u32,
            given in 0..1_u64 << 40,
            digits in any::<Option<u32>>(),
            base in any::<Option<u64>>(),
            counts in any::<bool>(),
        ) {
            let [cpu_ms, wall_ms, memory_bytes, processes, open_files, output_bytes, file_bytes, stack_bytes] =
                numbers.map(|number| number >> shift);
            let limits = Limits {
                cpu_ms, wall_ms, memory_bytes, processes, open_files, output_bytes, file_bytes, stack_bytes,
                int_digits: digits,
            };
            let job = Job { language: Language::Python, source: Vec::new(), start: Start::Fork, files: None };
            let mut image = Image::python(&job, false);
            image.given_bytes = given;
            let request = request(&limits, &image, base, counts.then_some(MOST_PROCESSES));
            prop_assert!(u128::from(request.cpu_seconds) * 1000 <= u128::from(cpu_ms) + 1999);
            prop_assert!(request.cpu_seconds * 1000 > cpu_ms || request.cpu_seconds == 1 << 30);
            let address_space = base.map(|base| u128::from(base) + u128::from(memory_bytes));
            prop_assert!(u128::from(request.address_space_bytes) <= address_space.unwrap_or(0));
            prop_assert_eq!(request.processes == 0, !counts);
            prop_assert!(u128::from(request.processes) <= u128::from(processes) + u128::from(OWN_PROCESSES));
            prop_assert!(request.open_files <= open_files);
            prop_assert!(request.file_bytes <= file_bytes.max(given));
            prop_assert!(request.stack_bytes <= stack_bytes);
            prop_assert!(request.scratch_bytes <= file_bytes.saturating_add(given).max(4096));
            prop_assert!(request.scratch_bytes <= (memory_bytes / 2).saturating_add(given).max(4096));
            prop_assert_eq!(request.digits, digits.map_or(0, |digits| u64::from(digits) + 1));
            // Python reads them as signed where the kernel does.
            let message = request.encode(None).unwrap();
            prop_assert_eq!(message.len(), 2 + 8 * 8);
            prop_assert!(message[2..].chunks(8).all(|number| i64::from_le_bytes(number.try_into().unwrap()) >= 0));
        }
    }
}
