//! The threads that judge: each takes an answer as soon as it is there, has it judged, and opens the episode's next turn or has
//! all tests say what its last answer is worth.

use super::live::Live;
use super::stage::{Stage, Step};
use crate::completion::Completion;
use crate::environment::{self, Play, Together};
use crate::judge::Judge as _;

/// Closes the stage where the thread that judges panics, so that nobody waits for it.
struct Closing<'s, 'a>(&'s Stage<'a>);

impl Drop for Closing<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
        }
    }
}

/// Judges until there is nothing more to judge, some answers at once where the judge computes many together.
pub(super) fn work(stage: &Stage<'_>) {
    let _closing = Closing(stage);
    let most = if stage.judge.is_batched() {
        usize::MAX
    } else {
        1
    };
    loop {
        let taken = stage.take(most);
        if taken.is_empty() {
            return;
        }
        let (mut answers, mut told) = (Vec::new(), Vec::new());
        for (index, live, step) in taken {
            match step {
                Step::Judge(completion) => answers.push((index, live, completion)),
                Step::Tell(text) => told.push((index, live, text)),
            }
        }
        judge(stage, answers);
        for (index, live, text) in told {
            open(stage, index, live, Some(text));
        }
    }
}

/// Judges answers, and grades those that end their episodes.
fn judge<'a>(stage: &Stage<'a>, mut answers: Vec<(usize, Box<Live<'a>>, Completion)>) {
    let texts = answers.iter().map(|(.., said)| said.text.clone()).collect();
    let mut plays: Vec<&mut Play<'a>> = (answers.iter_mut())
        .map(|(_, live, _)| &mut live.play)
        .collect();
    let judged = environment::judge_answers(&stage.judge, &mut plays, texts, &stage.cancel);
    let mut lives = Vec::with_capacity(answers.len());
    for (index, mut live, completion) in answers {
        live.push(completion);
        lives.push((index, live));
    }
    count(
        stage,
        &mut lives
            .iter_mut()
            .map(|(_, live)| &mut **live)
            .collect::<Vec<_>>(),
        judged,
    );
    let (mut over, going): (Vec<_>, Vec<_>) =
        (lives.into_iter()).partition(|(_, live)| live.play.stop().is_some());
    grade(
        stage,
        &mut over
            .iter_mut()
            .map(|(_, live)| &mut **live)
            .collect::<Vec<_>>(),
    );
    for (index, live) in over {
        stage.put_back(index, live, false);
    }
    for (index, live) in going {
        let text = live.next_message();
        open(stage, index, live, text);
    }
}

/// Opens the next turn with this text; where another episode is to say it, it waits for that.
fn open<'a>(stage: &Stage<'a>, index: usize, mut live: Box<Live<'a>>, text: Option<String>) {
    let opened = text.is_some();
    if let Some(text) = text {
        if let Err(error) = live.tell(text, stage.ids, stage.config) {
            stage.fail(error.into());
            return;
        }
        if live.play.stop().is_some() {
            grade(stage, &mut [&mut *live]);
        }
    }
    stage.put_back(index, live, opened);
}

/// Has all tests say what episodes that are over are worth.
fn grade<'a>(stage: &Stage<'a>, lives: &mut [&mut Live<'a>]) {
    let mut plays: Vec<&mut Play<'a>> = lives.iter_mut().map(|live| &mut live.play).collect();
    let judged = environment::judge_ends(&stage.judge, &mut plays, &stage.cancel);
    count(stage, lives, judged);
}

/// Counts what was judged, and says what was lost.
fn count(stage: &Stage<'_>, lives: &mut [&mut Live<'_>], judged: Together) {
    let mut state = stage.lock();
    state.stats.programs += judged.programs;
    for (place, error) in judged.lost {
        state.stats.lose_verdict(&lives[place].episode, &error);
    }
}
