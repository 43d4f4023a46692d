//! How likely a model finds each of the answers it may choose from, by the tokens that it could have said in the place of the one
//! it chose by. Pure.

use super::answer::Choice;
use crate::server::interface::Place;

/// What an ambiguous token may weigh at most for the rest to count.
const NEGLIGIBLE: f64 = 0.01;

/// The expected worth over the choices, where the tokens tell it; nothing where they don't, or may be read in two ways.
///
/// `chosen` is the choice that the text says. Tokens that spell a choice alike but for white space and case are one.
pub(super) fn expected(places: &[Place], choices: &[Choice], chosen: usize) -> Option<f64> {
    let word = &choices[chosen].word;
    let texts: Vec<String> = places.iter().map(|place| plain(&place.token)).collect();
    let whole = texts.iter().rposition(|token| token == word);
    let masses = match whole {
        Some(place) => masses(&places[place], choices),
        None => spelt(places, &texts, choices, word)?,
    };
    // A choice that others begin with may be the start of one of them, where the tokenizer has no token for it.
    let total: f64 = masses.iter().sum();
    let ambiguous = |place: usize| {
        let longer = choices.iter().enumerate().any(|(other, choice)| {
            other != place && choice.word.starts_with(&choices[place].word) && masses[other] == 0.0
        });
        longer && masses[place] > NEGLIGIBLE * total
    };
    if !(total > 0.0 && total.is_finite()) || (whole.is_some() && (0..choices.len()).any(ambiguous))
    {
        return None;
    }
    let worth = choices
        .iter()
        .zip(&masses)
        .map(|(choice, mass)| choice.worth * mass);
    Some(worth.sum::<f64>() / total)
}

fn plain(token: &str) -> String {
    // Marks that tokenizers put for a space in front.
    token
        .trim_matches(|letter: char| letter.is_whitespace() || "\u{120}\u{2581}*".contains(letter))
        .to_lowercase()
}

/// The probability of each choice in one place.
fn masses(place: &Place, choices: &[Choice]) -> Vec<f64> {
    let of = |choice: &Choice| {
        let same = place
            .tokens
            .iter()
            .filter(|(token, _)| plain(token) == choice.word);
        same.map(|(_, log_prob)| log_prob.exp()).sum()
    };
    choices.iter().map(of).collect()
}

/// The same where the word that was said is spelt by two tokens, as tokenizers that cut numbers into digits do: what begins with
/// the first of them is shared out by how likely the second one follows.
fn spelt(places: &[Place], texts: &[String], choices: &[Choice], word: &str) -> Option<Vec<f64>> {
    let two = |place: &usize| format!("{}{}", texts[*place], texts[*place + 1]) == *word;
    let first = (0..texts.len().saturating_sub(1)).rev().find(two)?;
    let mut masses = masses(&places[first], choices);
    let start = choices
        .iter()
        .position(|choice| choice.word == texts[first])?;
    let said = choices.iter().position(|choice| choice.word == *word)?;
    let next = &places[first + 1];
    let follows: f64 = (next.tokens.iter())
        .filter(|(token, _)| plain(token) == texts[first + 1])
        .map(|(_, log_prob)| log_prob.exp())
        .sum();
    let mass = masses[start];
    masses[said] += mass * follows;
    masses[start] = mass * (1.0 - follows.min(1.0));
    Some(masses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(token: &str, tokens: &[(&str, f64)]) -> Place {
        Place {
            token: token.to_owned(),
            tokens: tokens
                .iter()
                .map(|(token, share)| ((*token).to_owned(), share.ln()))
                .collect(),
        }
    }

    fn near(found: Option<f64>, wanted: f64) {
        assert!((found.unwrap() - wanted).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn hand_worked_probabilities() {
        let sides = [Choice::of("1", 1.0), Choice::of("2", 0.0)];
        // 0.5 + 0.1 against 0.2; the rest is other words.
        let one = place("1", &[("1", 0.5), (" 1", 0.1), ("2", 0.2), ("A", 0.2)]);
        near(expected(std::slice::from_ref(&one), &sides, 0), 0.6 / 0.8);
        // The last place in which the choice stands decides.
        let lead = place("1", &[("1", 0.9), ("2", 0.1)]);
        let word = place(" is", &[(" is", 1.0)]);
        near(expected(&[lead, word, one], &sides, 0), 0.6 / 0.8);
        // d-RLAIF: the sum of i p(i) (Lee et al. 2023).
        let ratings: Vec<Choice> = (1..=5)
            .map(|rating: u32| Choice::of(rating.to_string(), f64::from(rating)))
            .collect();
        let said = place("4", &[("4", 0.4), ("5", 0.2), ("3", 0.2)]);
        near(
            expected(&[said], &ratings, 3),
            (4.0 * 0.4 + 5.0 * 0.2 + 3.0 * 0.2) / 0.8,
        );
    }

    #[test]
    fn a_tokenizer_that_cuts_numbers_is_understood_or_not_believed() {
        let ratings: Vec<Choice> = (1..=10)
            .map(|rating: u32| Choice::of(rating.to_string(), f64::from(rating)))
            .collect();
        // "10" by two tokens: 0.6 begins with 1, of which 0.9 goes on with 0.
        let ten = [
            place("1", &[("1", 0.6), ("9", 0.4)]),
            place("0", &[("0", 0.9), ("", 0.1)]),
        ];
        near(
            expected(&ten, &ratings, 9),
            10.0 * 0.54 + 1.0 * 0.06 + 9.0 * 0.4,
        );
        // 9 was said, and what the 1 stands for is not known.
        let nine = [place("9", &[("9", 0.6), ("1", 0.4)])];
        assert_eq!(expected(&nine, &ratings, 8), None);
        // Where it weighs nothing it does no harm; where there is a token for 10 there is nothing to doubt.
        let sure = [place("9", &[("9", 0.995), ("1", 0.005)])];
        near(expected(&sure, &ratings, 8), 9.0 * 0.995 + 0.005);
        let whole = [place("9", &[("9", 0.6), ("10", 0.3), ("1", 0.1)])];
        near(expected(&whole, &ratings, 8), 9.0 * 0.6 + 3.0 + 0.1);
    }

    #[test]
    fn tokens_that_say_nothing_of_the_choice_are_none() {
        let both = [Choice::of("yes", 1.0), Choice::of("no", 0.0)];
        assert_eq!(expected(&[], &both, 0), None);
        assert_eq!(
            expected(&[place("maybe", &[("maybe", 1.0)])], &both, 0),
            None
        );
        near(
            expected(&[place("Yes", &[("Yes", 0.75), ("No", 0.25)])], &both, 0),
            0.75,
        );
    }
}
