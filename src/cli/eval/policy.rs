//! The policy that the arguments of `rlef eval` name, and the journal that it is played into.

use std::path::Path;
use std::process::ExitCode;

use super::super::judging::{self, Judging, watch_interrupts};
use super::super::output::{insist, say};
use super::super::{exit, source};
use super::Args;
use super::shown::shown;
use crate::eval::Report;
use crate::eval::journal::{EvalJournal, ResumeError, Settings};
use crate::eval::play::Play;
use crate::eval::record::problems_hash;
use crate::eval::stamp::{PolicyStamp, SandboxStamp};
use crate::policy::engine::EnginePolicy;
use crate::policy::replay::ReplayPolicy;
use crate::policy::{ModelPolicy, PolicyError};
use crate::problem::{Problem, printable};
use crate::rollout::{Group, RolloutConfig};
use crate::server::ServerError;
use rlef_judge::counted::counted;
use rlef_judge::nearest::meant;

/// Plays the policy that the arguments name.
pub(super) fn play_policy(args: &Args, play: &Play<'_>) -> anyhow::Result<(Vec<Group>, Report)> {
    let replayed = match args.policy.strip_prefix("replay:") {
        Some(file) => Some((
            file,
            ReplayPolicy::load(Path::new(file))?.of(play.problems)?,
        )),
        None if args.plays_references() => {
            Some(("the set", ReplayPolicy::of_references(play.problems)))
        }
        None => None,
    };
    if let Some((file, policy)) = replayed {
        if let Some(problem) = play
            .problems
            .iter()
            .find(|problem| policy.samples_of(&problem.id) < play.config.group)
        {
            let (found, id) = (policy.samples_of(&problem.id), printable(&problem.id));
            anyhow::ensure!(
                !args.plays_references(),
                "failed to play references: {id} brings {} of its own, and --rollouts {} needs one for each; take fewer rollouts, or problems with `references`",
                counted(found, "solution"),
                play.config.group
            );
            anyhow::bail!(
                "failed to play {file}: it holds {} of {id}{}; --rollouts {} needs as many",
                counted(found, "completion"),
                if found == 0 {
                    printable(&meant(&problem.id, policy.problems())).into_owned()
                } else {
                    String::new()
                },
                play.config.group
            );
        }
        let (groups, mut report) = shown(play, &policy)?;
        // What is read from a file says nothing of a speed.
        report.tokens_per_second = 0.0;
        return Ok((groups, report));
    }
    if args.url().is_some() {
        let policy = args.server.policy(&args.base_url()?, args.sent())?;
        if play.journal.is_some_and(|journal| journal.holds().0 > 0) {
            policy.has_served();
        }
        let (groups, report) = shown(play, &policy)?;
        let before = play.journal.map(EvalJournal::usage).unwrap_or_default();
        let report = report.with_usage(policy.usage(&before));
        return Ok((groups, report));
    }
    if let Some(url) = args.engine_url() {
        let served = args
            .engine
            .served(url, &args.server, args.template.path())?;
        let policy = EnginePolicy {
            engine: &served.engine,
            tokenizer: &served.tokenizer,
            context: served.shape.max_position_embeddings,
            vocabulary: served.shape.vocab_size,
        };
        return shown(play, &policy);
    }
    let device = args.device.open()?;
    let (decoder, tokenizer) =
        source::policy(Path::new(&args.policy), args.template.path(), &device)?;
    let policy = ModelPolicy {
        decoder: &decoder,
        tokenizer: &tokenizer,
        batch: 256,
    };
    match args.beam.model(&device)? {
        Some(model) => shown(play, &args.beam.over(policy, &model)),
        None => shown(play, &policy),
    }
}

/// The journal the arguments name, if any, begun or continued.
pub(super) fn open_journal(
    args: &Args,
    judging: &Judging,
    problems: &[Problem],
    config: &RolloutConfig,
    policy: &PolicyStamp,
) -> anyhow::Result<Option<EvalJournal>> {
    if let Some(path) = args.resume.as_ref().filter(|path| !path.exists()) {
        return Err(ResumeError::Missing { path: path.clone() }.into());
    }
    let Some(path) = args.resume.as_ref().or(args.journal.as_ref()) else {
        if args.policy.starts_with("openai:") {
            say!("without --journal FILE an interruption loses every answer that was paid for");
        }
        return Ok(None);
    };
    let settings = Settings::new(
        problems_hash(problems),
        policy.clone(),
        config.stamp().left(args.left_to_server()),
        SandboxStamp::of(judging.host.protection()),
        config.group,
        args.seed(),
        !args.judging.host.no_reruns,
    )
    .with_judges(judging.others.clone());
    let interrupts = watch_interrupts(
        "ending what is under way, then stopping; Ctrl-C again stops at once and loses it",
    )?;
    let journal = EvalJournal::open(path, &settings, interrupts)?;
    let (answers, verdicts) = journal.holds();
    if answers + verdicts > 0 {
        say!(
            "continuing {}: it holds {} and {}",
            path.display(),
            counted(answers, "answer"),
            counted(verdicts, "verdict")
        );
    }
    Ok(Some(journal))
}

/// What is said, and the exit code, where the evaluation was stopped or its server went away.
pub(super) fn stopped(
    args: &Args,
    journal: &EvalJournal,
    played: &anyhow::Result<(Vec<Group>, Report)>,
) -> Option<ExitCode> {
    let error = played.as_ref().err()?.downcast_ref()?;
    let code = match error {
        PolicyError::Stopped => judging::interrupted(),
        PolicyError::Server(ServerError::NoAnswer { .. }) => {
            insist!("error: {error}");
            ExitCode::from(exit::INFRASTRUCTURE)
        }
        _ => return None,
    };
    let (answers, verdicts) = journal.holds_now();
    let path = args.resume.as_ref().or(args.journal.as_ref())?;
    insist!(
        "{} and {} are in {}; the same command continues",
        counted(answers, "answer"),
        counted(verdicts, "verdict"),
        path.display()
    );
    Some(code)
}
