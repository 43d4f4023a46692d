//! What a gate found → JUnit XML: one case for the answer, one a problem. A problem that newly fails is a failure only where
//! the gate says regression or the problem is golden: a single flip is what chance looks like.

use quick_junit::{NonSuccessKind, Property, Report as Xml, TestCase, TestCaseStatus, TestSuite};

use super::text::{difference, render};
use super::{LeftOut, Pair, Report, Verdict};

/// The file's text.
pub fn xml(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(format!("rlef gate, {}", report.metric));
    let mut answer = TestCase::new("gate", status(report));
    answer.set_classname("rlef");
    answer.set_system_out(render(report));
    suite.add_test_case(answer);
    for pair in &report.problems {
        suite.add_test_case(case(report, pair));
    }
    for (id, reason) in &report.left_out {
        let mut status = TestCaseStatus::skipped();
        status.set_message(match reason {
            LeftOut::Quarantined => "quarantined",
            LeftOut::Changed => "only on one side, or changed",
            LeftOut::Lost => "too few episodes",
        });
        let mut case = TestCase::new(id.as_str(), status);
        case.set_classname("rlef.problem");
        suite.add_test_case(case);
    }
    let mut xml = Xml::new("rlef gate");
    xml.add_test_suite(suite);
    xml.to_string()
}

fn status(report: &Report) -> TestCaseStatus {
    let kind = match report.verdict {
        Verdict::NoRegression => return TestCaseStatus::success(),
        Verdict::Regression => NonSuccessKind::Failure,
        Verdict::Inconclusive | Verdict::NotComparable | Verdict::InfrastructureFailed => {
            NonSuccessKind::Error
        }
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(format!(
        "{}: {}",
        report.verdict.words(),
        report.reasons.join("; ")
    ));
    status
}

fn case(report: &Report, pair: &Pair) -> TestCase {
    let golden = report.golden_failures.contains(&pair.id);
    let certain = report.verdict == Verdict::Regression;
    let mut status = TestCaseStatus::success();
    if golden || (certain && pair.newly_fails()) {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(difference(pair));
    }
    let mut case = TestCase::new(pair.id.as_str(), status);
    case.set_classname("rlef.problem");
    if !certain && pair.newly_fails() {
        case.set_system_out(format!(
            "newly failing, within chance: {}",
            difference(pair)
        ));
    }
    for (name, value) in [
        ("baseline_n", pair.baseline.n),
        ("baseline_c", pair.baseline.c),
        ("candidate_n", pair.candidate.n),
        ("candidate_c", pair.candidate.c),
    ] {
        case.properties.push(Property::new(name, value.to_string()));
    }
    case
}
