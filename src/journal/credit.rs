//! What rounds made of their episodes, beside the journal of a run: frames as the journal's, with a record for each episode that was
//! learnt from. The journal never needs it, and it can be removed.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::frame::Name;
use super::frames::Record;
use super::{FrameReader, Frames, JournalError};
use crate::episode::TurnCredit;
use crate::rollout::Group;

/// The file in a run's folder.
pub const CREDIT: &str = "credit.jsonl.zst";
/// Its index.
pub const CREDIT_INDEX: &str = "credit.jsonl.zst.index";
/// Form of the file; another one is refused.
const SCHEMA: &str = "rlef-credit/1";

/// What a round made of an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreditRecord {
    /// Policy version that played it, as in the journal.
    pub step: usize,
    /// The problem's id.
    pub problem_id: String,
    /// Which of the group's episodes.
    pub sample: usize,
    /// Its turns.
    pub turns: Vec<TurnCredit>,
}

impl Record for CreditRecord {
    fn name(&self) -> Name {
        (self.step, self.problem_id.clone(), self.sample)
    }
}

/// The open file.
pub struct CreditFile(Box<Frames>);

impl CreditFile {
    /// Opens that of the run in a folder for appending after its first `bytes` bytes.
    pub fn after(folder: &Path, bytes: u64) -> Result<Self, JournalError> {
        let frames = Frames::of(&folder.join(CREDIT), bytes, SCHEMA)?;
        Ok(Self(Box::new(frames)))
    }

    /// Appends what a round made of its episodes, played by policy version `step`; nothing where it learnt from none.
    pub fn append(&mut self, step: usize, groups: &[Group]) -> Result<(), JournalError> {
        let episodes = groups.iter().flat_map(|group| &group.episodes);
        let records = episodes.filter_map(|episode| {
            let record = CreditRecord {
                step,
                problem_id: episode.problem_id.clone(),
                sample: episode.sample,
                turns: episode.credit.clone()?,
            };
            Some((record, Arc::from("")))
        });
        let records: Vec<(CreditRecord, Arc<str>)> = records.collect();
        if records.is_empty() {
            return Ok(());
        }
        self.0.append(&records)
    }

    /// Forces what was appended to the disk and gives the file's length.
    pub fn sync(&mut self) -> Result<u64, JournalError> {
        self.0.sync()
    }
}

/// What was made of an episode of the run in a folder; nothing where it was not learnt from, or in a run of before. Where a policy version has
/// played a problem twice, it is the one whose turns have these counts of tokens, and nothing where both have.
pub fn credit_of(
    folder: &Path,
    (step, problem_id, sample): (usize, &str, usize),
    tokens: &[usize],
) -> Result<Option<Vec<TurnCredit>>, JournalError> {
    let path = folder.join(CREDIT);
    // One that a run has not written to yet is empty.
    if std::fs::metadata(&path).map_or(0, |found| found.len()) == 0 {
        return Ok(None);
    }
    let reader = FrameReader::of(&path, SCHEMA)?;
    let is_asked = |name: &Name| (name.0, &*name.1, name.2) == (step, problem_id, sample);
    let mut found: Option<Vec<TurnCredit>> = None;
    for frame in 0..reader.frames() {
        if !reader.names(frame).iter().any(is_asked) {
            continue;
        }
        let records: Vec<CreditRecord> = reader.records_of(frame)?;
        for record in records
            .into_iter()
            .filter(|record| is_asked(&record.name()))
        {
            let counts = record.turns.iter().map(|turn| turn.tokens);
            if !counts.eq(tokens.iter().copied()) {
                continue;
            }
            if found.is_some() {
                return Ok(None);
            }
            found = Some(record.turns);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;
    use crate::verdict::Grade;

    fn group(id: &str, credits: &[Option<usize>]) -> Group {
        let episode = |(sample, credit): (usize, &Option<usize>)| {
            let mut episode = played(&[Grade::Accepted], true);
            (episode.problem_id, episode.sample) = (id.to_owned(), sample);
            episode.credit = credit.map(|tokens| {
                vec![TurnCredit {
                    tokens,
                    terms: [("kl".to_owned(), -0.25)].into(),
                    advantages: vec![0.5],
                    ..TurnCredit::default()
                }]
            });
            episode
        };
        Group {
            problem_id: id.to_owned(),
            episodes: credits.iter().enumerate().map(episode).collect(),
        }
    }

    #[test]
    fn an_episode_is_found_by_its_name_and_a_file_of_before_or_of_another_form_is_not_read_as_one()
    {
        let folder = tempfile::tempdir().unwrap();
        let asked = |name, tokens: &[usize]| credit_of(folder.path(), name, tokens);
        assert_eq!(asked((0, "p", 0), &[3]).unwrap(), None);
        let mut file = CreditFile::after(folder.path(), 0).unwrap();
        file.append(0, &[group("p", &[Some(3), None])]).unwrap();
        file.append(1, &[group("p", &[Some(4)]), group("q", &[None])])
            .unwrap();
        let bytes = file.sync().unwrap();
        let found = asked((1, "p", 0), &[4]).unwrap().unwrap();
        assert_eq!(found[0].terms["kl"], -0.25);
        for (name, tokens) in [
            ((0, "p", 1), 3),
            ((1, "q", 0), 3),
            ((1, "p", 0), 5),
            ((2, "p", 0), 3),
        ] {
            assert_eq!(asked(name, &[tokens]).unwrap(), None, "{name:?}");
        }
        // The same version has played the problem once more, with as many tokens: nobody knows which it was.
        file.append(1, &[group("p", &[Some(4)])]).unwrap();
        file.sync().unwrap();
        assert_eq!(asked((1, "p", 0), &[4]).unwrap(), None);
        // Cut back to where it was, it grows by the same bytes.
        let path = folder.path().join(CREDIT);
        let whole = std::fs::read(&path).unwrap();
        let mut file = CreditFile::after(folder.path(), bytes).unwrap();
        file.append(1, &[group("p", &[Some(4)])]).unwrap();
        file.sync().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        drop(file);
        // A journal is no such file, nor the other way round.
        assert!(FrameReader::open(&path).is_err());
        let mut journal = Frames::after(&folder.path().join("other.jsonl.zst"), 0).unwrap();
        let record = crate::journal::EpisodeRecord::new(0, &played(&[Grade::Accepted], true));
        journal.append(&[(record, Arc::from("Add."))]).unwrap();
        journal.sync().unwrap();
        std::fs::copy(folder.path().join("other.jsonl.zst"), &path).unwrap();
        let refused = asked((1, "p", 0), &[4]).unwrap_err().to_string();
        assert!(refused.contains("rlef-credit/1"), "{refused}");
    }
}
