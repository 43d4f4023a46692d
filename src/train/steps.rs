//! What judges say of the steps of an answer → the sampled tokens at which those steps end: where a reward of a step is given
//! (Math-Shepherd, Wang et al. 2023, arXiv 2312.08935, section 3.4; Dai et al. 2024, arXiv 2410.17621, section 3.3).

use super::TrainError;
use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};
use crate::policy::PolicyError;
use crate::rollout::Group;

/// Notes of every answer what was said of its steps. Refused where nobody said anything of any: there is no judge of steps.
pub(super) fn note(groups: &mut [Group], tokenizer: &Tokenizer) -> Result<(), TrainError> {
    let episodes = groups.iter_mut().flat_map(|group| &mut group.episodes);
    let (mut answers, mut said) = (0, 0);
    for turn in episodes.flat_map(|episode| &mut episode.turns) {
        let Some(sampled) = &turn.sampled else {
            continue;
        };
        answers += 1;
        let parts = turn.scores.iter();
        let parts = parts.filter_map(|score| Some((score.span.as_ref()?.end, score.value?)));
        let mut parts: Vec<(usize, f64)> = parts.collect();
        parts.sort_by_key(|(end, _)| *end);
        let ends: Vec<usize> = parts.iter().map(|(end, _)| *end).collect();
        let begun = tokenizer.begun().len();
        let tokens = tokens_at(&sampled.ids, &ends, begun, &|ids| tokenizer.decode(ids));
        let tokens = tokens.map_err(PolicyError::from)?;
        turn.steps = tokens
            .into_iter()
            .zip(parts)
            .map(|(token, (_, value))| (token, value))
            .collect();
        said += turn.steps.len();
    }
    if answers > 0 && said == 0 {
        return Err(TrainError::NoSteps);
    }
    Ok(())
}

/// For each byte of the text of these ids at which something ends, in order, the token with which the text reaches it; the last
/// token for what lies behind all of them. The text begins with `begun` bytes that were not sampled.
fn tokens_at(
    ids: &[u32],
    ends: &[usize],
    begun: usize,
    decode: &dyn Fn(&[u32]) -> Result<String, TokenizerError>,
) -> Result<Vec<usize>, TokenizerError> {
    let Some(last) = ids.len().checked_sub(1) else {
        return Ok(Vec::new());
    };
    let (mut found, mut least) = (Vec::with_capacity(ends.len()), 0);
    for end in ends {
        let wanted = end.saturating_sub(begun);
        let (mut low, mut high) = (least, last);
        while low < high {
            let middle = low + (high - low) / 2;
            if decode(&ids[..=middle])?.len() >= wanted {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        least = low;
        found.push(low);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completion::Sampled;
    use crate::episode::tests::played;
    use crate::judge::Score;
    use crate::verdict::Grade;

    #[test]
    fn a_step_ends_with_the_token_that_brings_its_last_byte() {
        // Each id is so many bytes.
        let decode = |ids: &[u32]| Ok("x".repeat(ids.iter().sum::<u32>() as usize));
        let at = |ends: &[usize], begun| tokens_at(&[2, 3, 0, 4], ends, begun, &decode).unwrap();
        assert_eq!(at(&[1, 2, 3, 5, 6, 9], 0), [0, 0, 1, 1, 3, 3]);
        // A mark of a thought stands before what was sampled.
        assert_eq!(at(&[3, 7, 99], 2), [0, 1, 3]);
        assert!(tokens_at(&[], &[3], 0, &decode).unwrap().is_empty());
    }

    #[test]
    fn what_is_said_of_steps_is_noted_and_silence_is_refused() {
        let text = "a = 1\nprint(a)\n";
        let tokenizer = Tokenizer::train(&[text.to_owned()], 280).unwrap();
        let group = |scores: Vec<Score>| {
            let mut episode = played(&[Grade::Accepted], true);
            let ids = tokenizer.encode(text).unwrap();
            let turn = &mut episode.turns[0];
            text.clone_into(&mut turn.text);
            turn.sampled = Some(Sampled {
                log_probs: vec![0.0; ids.len()],
                ids,
            });
            turn.scores = scores;
            [Group {
                problem_id: "p".to_owned(),
                episodes: vec![episode],
            }]
        };
        let score = |value, span| Score {
            judge: "process_model".to_owned(),
            value,
            span,
            reason: String::new(),
        };
        let mut said = group(vec![
            score(Some(0.5), None),
            score(Some(0.25), Some(6..14)),
            score(Some(0.75), Some(0..5)),
            score(None, Some(0..1)),
        ]);
        note(&mut said, &tokenizer).unwrap();
        let turn = &said[0].episodes[0].turns[0];
        let ids = &turn.sampled.as_ref().unwrap().ids;
        let [(first, 0.75), (second, 0.25)] = turn.steps[..] else {
            panic!("{:?}", turn.steps)
        };
        assert!(
            tokenizer
                .decode(&ids[..=first])
                .unwrap()
                .starts_with("a = 1")
        );
        assert!(
            first < second
                && tokenizer
                    .decode(&ids[..=second])
                    .unwrap()
                    .contains("print(a)")
        );
        let silent = note(&mut group(vec![score(Some(0.5), None)]), &tokenizer);
        assert!(matches!(silent, Err(TrainError::NoSteps)));
    }
}
