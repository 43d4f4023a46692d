//! Report → the table a person reads: first what was solved and how, then turn by turn, then why the rest failed.

use std::fmt::{Display, Formatter, Result, Write as _};

use super::Usage;
use super::{Report, TurnReport};
use crate::counted::counted;
use crate::verdict::Grade;

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let lost = match self.aborted {
            0 => String::new(),
            lost if self.usage.is_some() => {
                let refused = match self.refused {
                    0 => String::new(),
                    some => format!(" ({some} refused)"),
                };
                format!(", {lost} lost to the server{refused} or the sandbox and not counted")
            }
            lost => format!(", {lost} lost to the sandbox and not counted"),
        };
        let lost = match self.problems_lost {
            0 => lost,
            some => format!(
                "{lost}, among them all of {}",
                counted(some, "more problem")
            ),
        };
        let clusters = match self.clusters {
            0 => String::new(),
            some if some == self.problems => String::new(),
            some => format!(" in {}", counted(some, "cluster")),
        };
        writeln!(
            out,
            "{}{clusters}, {}{lost}",
            counted(self.problems, "problem"),
            counted(self.episodes, "episode")
        )?;
        self.sentence(out)?;
        if self.refused > 0 {
            self.refusals(out)?;
        }
        let turns = self.turns_played();
        if self.single_turn > 0 && self.solved_by_turn.len() > 1 {
            writeln!(
                out,
                "{} of the problems have no public tests to tell the policy of: one turn was played of each.",
                self.single_turn
            )?;
        }
        writeln!(
            out,
            "\n  turn  solved by then        answers  public   fixed  repeated  edited  tokens"
        )?;
        let is_played = |turn: &TurnReport| turn.answers > 0;
        let played = self
            .by_turn
            .iter()
            .rposition(is_played)
            .map_or(1, |last| last + 1);
        for (index, turn) in self.by_turn.iter().take(turns.min(played)).enumerate() {
            self.row(out, index, turn)?;
        }
        if played < turns {
            writeln!(
                out,
                "        no episode came to turn {}{}",
                played + 1,
                if played + 1 < turns { " or later" } else { "" }
            )?;
        }
        // All of it fits a terminal of 80 columns.
        if turns > 1 {
            writeln!(
                out,
                "  public: pass the public tests; fixed: do so after an answer that did not;\n  \
                repeated: the same program again; edited: lines changed; tokens: of an answer"
            )?;
        } else {
            writeln!(out, "  public: pass the public tests; tokens: of an answer")?;
        }
        self.unfinished(out)?;
        writeln!(out)?;
        let mut line = |name: String, value: String| writeln!(out, "  {name:<18}{value}");
        line(format!("1@{turns}"), self.final_solved().to_string())?;
        for (k, estimate) in self.pass_at.iter().filter(|(k, _)| **k > 1) {
            line(format!("pass@{k}"), estimate.to_string())?;
        }
        for item in &self.n_at {
            let of = format!("{} of {} submitted, every turn counted", item.n, item.k);
            line(
                format!("{}@{}", item.n, item.k),
                format!("{}  {of}", item.solved),
            )?;
        }
        for best in &self.best_of {
            let (kl, score) = (best.kl, best.score.mean);
            line(
                format!("best of {}", best.n),
                format!(
                    "{}  chosen by score, {score:.3} on average; KL {kl:.2} nats",
                    best.solved
                ),
            )?;
        }
        if turns > 1 {
            let of = "of episodes with a wrong first answer";
            // Of none there is no share.
            let first = self.solved_by_turn.first();
            if first.is_some_and(|first| first.mean < 1.0) {
                line("repaired".to_owned(), format!("{}  {of}", self.repair_rate))?;
            }
        }
        for (label, slices) in &self.by_label {
            for (value, slice) in slices {
                line(
                    format!("{label} {value}"),
                    format!(
                        "{}  of {}",
                        slice.solved,
                        counted(slice.problems, "problem")
                    ),
                )?;
            }
        }
        if self.cut > 0 {
            let answers: usize = self.by_turn.iter().map(|turn| turn.answers).sum();
            line(
                "cut at the limit".to_owned(),
                format!(
                    "{} of {answers} answers, {} of them without a program",
                    self.cut, self.cut_without_program
                ),
            )?;
        }
        if let Some(tokens) = self.tokens_per_solved {
            line(
                "tokens".to_owned(),
                format!("{tokens:6.0} sampled per solved episode"),
            )?;
        }
        if let Some(usage) = &self.usage {
            line("server".to_owned(), charged(usage))?;
        }
        let speed = self.speed();
        if !speed.is_empty() {
            line("speed".to_owned(), speed)?;
        }
        write!(
            out,
            "  {:<18}{}",
            "last answers",
            histogram(self.grades.iter())
        )
    }
}

impl Report {
    /// Tokens and programs a second, as far as they were timed.
    pub fn speed(&self) -> String {
        let parts = [
            (self.tokens_per_second, "tokens/s"),
            (self.programs_per_second, "programs/s"),
        ];
        let timed = parts.into_iter().filter(|(speed, _)| *speed > 0.0);
        let words: Vec<String> = timed
            .map(|(speed, unit)| format!("{speed:.0} {unit}"))
            .collect();
        words.join(", ")
    }

    /// How far an evaluation is, in a line: what is solved after all `turns`, and how fast.
    pub fn so_far(&self, turns: usize) -> String {
        let solved = 100.0 * self.final_solved().mean;
        // How many programs a second says nothing where their verdicts were known, which is told at the end alone.
        let speed = match self.tokens_per_second {
            rate if rate > 0.0 => format!(", {rate:.0} tokens/s"),
            _ => String::new(),
        };
        format!("1@{turns} {solved:.1}%{speed}")
    }

    /// What the policy did, in one sentence.
    fn sentence(&self, out: &mut Formatter<'_>) -> Result {
        let percent = |share: f64| format!("{:.1}%", 100.0 * share);
        let end = self.final_solved().mean;
        let first = self
            .solved_by_turn
            .first()
            .map_or(end, |estimate| estimate.mean);
        if self.turns_played() < 2 {
            return writeln!(out, "{} solved, {} not.", percent(end), percent(1.0 - end));
        }
        let after = if end >= first {
            format!("{} more by later turns", percent(end - first))
        } else {
            format!("{} lost again by later turns", percent(first - end))
        };
        writeln!(
            out,
            "{} solved at the first turn, {after}, {} not in the end.",
            percent(first),
            percent(1.0 - end)
        )
    }

    /// What the server refused, beside the share it is left out of.
    fn refusals(&self, out: &mut Formatter<'_>) -> Result {
        let all = self.episodes + self.refused;
        let solved = self.final_solved().mean * self.episodes as f64;
        let words = match &self.refusal {
            Some(words) => format!(" It said: {words}"),
            None => String::new(),
        };
        writeln!(
            out,
            "These are shares of {} episodes; the server refused {} more. Of all {all}, {:.1}% were solved.{words}",
            self.episodes,
            self.refused,
            100.0 * solved / all.max(1) as f64,
        )
    }

    /// Answers that are wrong because they are none.
    fn unfinished(&self, out: &mut Formatter<'_>) -> Result {
        let sum = |of: fn(&TurnReport) -> usize| self.by_turn.iter().map(of).sum::<usize>();
        let (all, cut) = (sum(|turn| turn.answers), sum(|turn| turn.cut));
        let thoughts = sum(|turn| turn.only_thought);
        let (declined, empty) = (sum(|turn| turn.declined), sum(|turn| turn.empty));
        if cut > 0 {
            writeln!(
                out,
                "        {cut} of {all} answers were cut at the limit of tokens; --max-tokens allows more"
            )?;
        }
        if thoughts > 0 {
            writeln!(
                out,
                "        {thoughts} of {all} answers are empty: everything that was said is a thought"
            )?;
        }
        if declined > 0 {
            writeln!(
                out,
                "        {declined} of {all} answers were declined by the model or a filter before it"
            )?;
        }
        if empty > 0 {
            writeln!(out, "        {empty} of {all} answers are empty")?;
        }
        Ok(())
    }

    /// Turns that at least one problem allows.
    fn turns_played(&self) -> usize {
        if self.problems > 0 && self.single_turn == self.problems {
            self.solved_by_turn.len().min(1)
        } else {
            self.solved_by_turn.len()
        }
    }

    fn row(&self, out: &mut Formatter<'_>, index: usize, turn: &TurnReport) -> Result {
        let share = |part: usize, all: usize| match all {
            0 => "-".to_owned(),
            all => format!("{:.1}%", 100.0 * part as f64 / all as f64),
        };
        let solved = self
            .solved_by_turn
            .get(index)
            .map_or(String::new(), ToString::to_string);
        let later = if index == 0 { 0 } else { turn.answers };
        writeln!(
            out,
            "  {:>4}  {solved:<22}{:>7}  {:>6}  {:>6}  {:>8}  {:>6}  {:>6}",
            index + 1,
            turn.answers,
            if self.single_turn == self.problems {
                "-".to_owned()
            } else {
                share(turn.passed_public, turn.answers)
            },
            share(turn.fixed, turn.after_failure),
            share(turn.repeated, later),
            turn.edit
                .map_or("-".to_owned(), |edit| format!("{:.0}%", 100.0 * edit)),
            turn.tokens
                .map_or("-".to_owned(), |tokens| format!("{tokens:.0}")),
        )?;
        if turn.after_pass > 0 {
            writeln!(
                out,
                "        {} of {} answers that passed were broken again",
                turn.broken, turn.after_pass
            )?;
        }
        Ok(())
    }
}

/// What a server was asked and charged; what it didn't count is said to be unknown.
fn charged(usage: &Usage) -> String {
    let tokens = |count: Option<u64>| count.map_or("unknown".to_owned(), |count| count.to_string());
    let mut text = format!(
        "{} answers, {} retries, tokens read {}, written {}",
        usage.answers,
        usage.retries,
        tokens(usage.prompt_tokens),
        tokens(usage.completion_tokens)
    );
    if usage.uncounted > 0 && usage.prompt_tokens.is_some() {
        let _ = write!(
            text,
            " in those that were counted; {} answers were not",
            usage.uncounted
        );
    }
    if let Some(cost) = usage.cost {
        let _ = write!(text, ", cost {cost:.4}");
    }
    text
}

/// How often each grade was given, the most frequent first, in words.
pub fn histogram<'a>(grades: impl Iterator<Item = (&'a Grade, &'a usize)>) -> String {
    let mut counts: Vec<(&Grade, &usize)> = grades.collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut text = String::new();
    for (grade, count) in counts {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{count} {}", grade.name().replace('_', " "));
    }
    text
}
