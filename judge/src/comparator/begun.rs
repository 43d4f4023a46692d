//! What was printed before a program ended early → whether it is wrong already. Pure.

use super::{ByteRule, Comparison, accepts, tolerances};

/// Whether this much of an output can't become a right one, whatever is printed after it.
///
/// Word by word, under the rule's own equality; a last word that may go on is wrong only where no expected word begins so.
pub fn contradicts(rule: ByteRule<'_>, expected: &[u8], begun: &[u8]) -> bool {
    let (expected, begun) = (
        String::from_utf8_lossy(expected),
        String::from_utf8_lossy(begun),
    );
    let wanted: Vec<&str> = expected.split_whitespace().collect();
    let mut printed: Vec<&str> = begun.split_whitespace().collect();
    let open = if begun.ends_with(char::is_whitespace) {
        None
    } else {
        printed.pop()
    };
    let same = |wanted: &str, word: &str| accepts(rule, wanted.as_bytes(), word.as_bytes());
    let tolerant = tolerances(rule.0) != (0.0, 0.0);
    let may_become = |wanted: &str, word: &str| {
        let begins = wanted
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word));
        // The digits to come may bring a number within its tolerance.
        let numbers = tolerant && wanted.parse::<f64>().is_ok() && word.parse::<f64>().is_ok();
        begins || numbers || same(wanted, word)
    };
    if let Comparison::AnyOrder { .. } = rule.0 {
        return printed.iter().any(|word| !wanted.contains(word))
            || open.is_some_and(|word| !wanted.iter().any(|wanted| may_become(wanted, word)));
    }
    let mut places = wanted.iter();
    printed
        .iter()
        .any(|word| places.next().is_none_or(|wanted| !same(wanted, word)))
        || open.is_some_and(|word| places.next().is_none_or(|wanted| !may_become(wanted, word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparator::Unit;

    #[test]
    fn what_is_wrong_already_stays_wrong() {
        let tokens = Comparison::Tokens;
        let floats = Comparison::Floats {
            absolute: 1e-6,
            relative: 1e-6,
        };
        let any = Comparison::AnyOrder { unit: Unit::Lines };
        for (rule, expected, begun, wrong) in [
            (&tokens, "1 2 3", "", false),
            (&tokens, "1 2 3", "1\n2\n", false),
            (&tokens, "Yes", "Ye", false),
            (&tokens, "1 2 3", "wrong", true),
            (&tokens, "1 2 3", "1 3 ", true),
            (&tokens, "1 2 3", "1 2 3 4 ", true),
            (&tokens, "1 2 3", "1 2 3 x", true),
            (&tokens, "Yes", "No", true),
            (&tokens, "1", "2", true),
            (&Comparison::Exact, "a b\n", "a ", false),
            (&Comparison::Exact, "a b\n", "b ", true),
            (&Comparison::Lines, "a\nb\n", "a\nc\n", true),
            (&floats, "0.3333333", "0.333333301 ", false),
            (&floats, "0.3333333", "0.4 ", true),
            (&floats, "0.3333333", "0.33", false),
            (&any, "b\na\n", "a\n", false),
            (&any, "b\na\n", "c\n", true),
            (&any, "b\na\n", "c", true),
        ] {
            let compared = rule.byte_rule().unwrap();
            let found = contradicts(compared, expected.as_bytes(), begun.as_bytes());
            assert_eq!(found, wrong, "{rule}: {expected:?} {begun:?}");
        }
    }
}
