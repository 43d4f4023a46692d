//! One run of one program in one jail, from its input to its outcome.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::PoisonError;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::drive::drive;
use super::image::Image;
use super::run::Run;
use super::stream::{self, Capture};
use super::worker::Worker;
use crate::batch::Among;
use crate::cancel::Cancel;
use crate::error::SandboxError;
use crate::folder::{Folder, FoundFiles, Unpacked};
use crate::limits::Limits;
use crate::outcome::{Outcome, Status};

/// One run of a program that the worker holds, or is given now. A compiler leaves what it makes in `artifact`.
pub(crate) fn run_in(
    worker: &mut Worker,
    image: &Image<'_>,
    input: &[u8],
    limits: &Limits,
    artifact: Option<&OwnedFd>,
    cancel: &Cancel,
) -> Result<Outcome, SandboxError> {
    run_among(worker, image, input, limits, artifact, None, cancel)
}

/// The same, among files.
pub(crate) fn run_among(
    worker: &mut Worker,
    image: &Image<'_>,
    input: &[u8],
    limits: &Limits,
    artifact: Option<&OwnedFd>,
    among: Option<&Among<'_>>,
    cancel: &Cancel,
) -> Result<Outcome, SandboxError> {
    let has_files = image.has_files();
    let stdin = stream::sealed("standard input", if has_files { b"" } else { input })?;
    // An answer in a file is brought home as a compiler's work is.
    let packed = among.map(|among| among.folder.packed());
    let given = (has_files || packed.is_some())
        .then(|| {
            let bytes = packed.as_deref().unwrap_or(input);
            Ok::<_, SandboxError>((artifact_file()?, stream::sealed("input file", bytes)?))
        })
        .transpose()?;
    let (output, stdout) = stream::pipe("standard output", worker.owner)?;
    let (words, stderr) = stream::pipe("standard error", worker.owner)?;
    if worker.program.is_none() {
        worker.bound(limits)?;
        worker.start_program(image, limits)?;
    }
    let mut streams = vec![stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    streams.extend(artifact.map(AsFd::as_fd));
    if let Some((answer, file)) = &given {
        streams.extend([answer.as_fd(), file.as_fd()]);
    }
    let run = Run::start(
        worker,
        limits,
        &streams,
        Capture::new(output, limits.output_bytes)?,
        Capture::new(words, limits.output_bytes)?,
    )?;
    // Held open here they would never be seen to end.
    drop((stdin, stdout, stderr));
    let [outcome] = drive([run], Duration::ZERO, cancel)?;
    Ok(match (given, among) {
        (Some((answer, _)), Some(among)) => {
            let (outcome, files) = gathered(outcome, among.folder, &read_artifact(answer)?)?;
            *among.found.lock().unwrap_or_else(PoisonError::into_inner) = files;
            outcome
        }
        (Some((answer, _)), None) => answered(outcome, read_artifact(answer)?, limits),
        (None, _) => outcome,
    })
}

/// The outcome of a program, and what of it was brought home. Nothing is of one that was ended before, whoever ended it; one
/// whose files hold more than they may has written too much.
fn gathered(
    mut outcome: Outcome,
    folder: &Folder,
    packed: &[u8],
) -> Result<(Outcome, FoundFiles), SandboxError> {
    let ended_by_itself = matches!(outcome.status, Status::Exited(_));
    match folder.unpacked(packed) {
        Unpacked::All(files) => Ok((outcome, files)),
        Unpacked::TooMuch => {
            if ended_by_itself {
                outcome.status = Status::OutputLimit;
            }
            Ok((outcome, FoundFiles::new()))
        }
        Unpacked::Unfinished if !ended_by_itself => Ok((outcome, FoundFiles::new())),
        Unpacked::Unfinished | Unpacked::Foreign => Err(SandboxError::JailDied {
            reason: "the files that it gave are not those that were asked for".to_owned(),
        }),
    }
}

/// The outcome of a program whose answer was a file.
fn answered(mut outcome: Outcome, answer: Vec<u8>, limits: &Limits) -> Outcome {
    outcome.stdout = answer;
    if outcome.stdout.len() as u64 > limits.output_bytes {
        outcome.stdout.truncate(limits.output_bytes as usize);
        if matches!(outcome.status, Status::Exited(_)) {
            outcome.status = Status::OutputLimit;
        }
    }
    outcome
}

pub(crate) fn artifact_file() -> Result<OwnedFd, SandboxError> {
    memfd_create("artifact", MFdFlags::MFD_CLOEXEC).map_err(|errno| SandboxError::MakeStream {
        what: "file for a compiled program",
        source: errno.into(),
    })
}

pub(crate) fn read_artifact(file: OwnedFd) -> Result<Vec<u8>, SandboxError> {
    let file = std::fs::File::from(file);
    let mut bytes = vec![
        0;
        file.metadata()
            .map_or(0, |metadata| metadata.len() as usize)
    ];
    file.read_exact_at(&mut bytes, 0)
        .map_err(SandboxError::ReadStream)?;
    Ok(bytes)
}
