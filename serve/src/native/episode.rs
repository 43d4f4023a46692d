//! Episodes: opened, stepped, closed. What is said between is of public tests; the end says how all tests stand.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use rlef_judge::environment::{FeedbackSource, PlayConfig, PublicTests, RewardRule};
use rlef_judge::prompt::PromptStyle;
use serde_json::{Value, json};

use super::answer;
use super::judge::verdict_json;
use crate::app::App;
use crate::body;
use crate::episodes::{Episode, Progress};
use crate::failure::{Failure, Kind};
use crate::json::{Bad, Object};

/// Turns of an episode, unless told otherwise (RLEF, section 3.1).
const TURNS: usize = 3;
/// Turns at most.
const MOST_TURNS: usize = 100;

/// How an episode is to be played, as a request says.
pub(crate) fn config(request: &Object<'_>) -> Result<PlayConfig, Failure> {
    let turns = request
        .get::<usize>("turns", "a whole number from 1 to 100")?
        .unwrap_or(TURNS);
    if !(1..=MOST_TURNS).contains(&turns) {
        return Err(Bad::field("turns", &turns.to_string(), "a whole number from 1 to 100").into());
    }
    let style = request.get::<PromptStyle>("style", "`full` or `compact`")?;
    let real = "`real`, `silent` or `self_repair`";
    let feedback = request.get::<FeedbackSource>("feedback", real)?;
    let feedback = feedback.unwrap_or_default();
    // The others need other episodes, or are no dialogue.
    if !matches!(
        feedback,
        FeedbackSource::Real | FeedbackSource::Silent | FeedbackSource::SelfRepair
    ) {
        return Err(Bad::field("feedback", &format!("`{}`", feedback.name()), real).into());
    }
    Ok(PlayConfig {
        turns,
        style: style.unwrap_or(PromptStyle::Full),
        feedback,
        // Each step says how many it passes.
        public_tests: PublicTests::All,
        rewards: RewardRule::default(),
    })
}

pub(super) async fn open(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(opened(&app, request).await)
}

async fn opened(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let given = app.sets.of_request(&asked.purse, &request)?;
    let config = config(&request)?;
    request.finish()?;
    let id = given.problem.id.clone();
    let episode = Arc::new(Episode::open(app, given, config)?);
    let first = episode.first.clone();
    let name = app.episodes.add(None, episode)?;
    Ok(json!({"episode_id": name, "problem_id": id, "observation": first, "turn": 0}))
}

/// How an episode stands.
fn standing(episode: &Episode, progress: &Progress) -> Value {
    json!({
        "problem_id": episode.given.problem.id,
        "turn": progress.turns.len(),
        "turns": episode.config.turns,
        "done": progress.stop.is_some(),
        "stop_reason": progress.stop,
        "rewards": progress.rewards,
        "outcome": progress.outcome.as_ref().map(|outcome| verdict_json(&episode.given, outcome)),
    })
}

pub(super) async fn state(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    answer(app.episodes.get(&id).map(|episode| {
        let progress = episode.played();
        standing(&episode, &progress)
    }))
}

pub(super) async fn close(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    answer(app.episodes.close(&id).map(|()| json!({"closed": true})))
}

pub(super) async fn step(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    answer(stepped(&app, &id, request).await)
}

async fn stepped(app: &Arc<App>, id: &str, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let text = request.required("completion")?;
    let turn = request.get::<usize>("turn", "a whole number from 0: how many turns were taken")?;
    request.finish()?;
    let episode = app.episodes.get(id)?;
    let stepped = episode.step(app, &asked.client, turn, text).await?;
    let verdict = stepped.step.judged.verdict.as_ref();
    let verdict =
        verdict.ok_or_else(|| Failure::new(Kind::Infrastructure, "the judge gave no verdict"))?;
    let mut said = standing(&episode, &stepped.after);
    said["observation"] = json!(stepped.step.observation);
    said["reward"] = json!(stepped.step.reward);
    said["judged"] = verdict_json(&episode.given, verdict);
    Ok(said)
}
