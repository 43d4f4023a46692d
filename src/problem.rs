//! Problem: a statement, its tests and its limits. Each file of `problem/` reads one public schema into it.
//! Knows nothing of programs or how they are judged.

use rlef_sandbox::{Language, Limits};
use serde::{Deserialize, Serialize};

use crate::comparator::Comparison;

/// One task: what is asked, what decides, under which limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Unique within its set, for example `HumanEval/0`.
    pub id: String,
    /// The text a policy is shown.
    pub statement: String,
    /// Tests that feed the policy; may be empty.
    #[serde(default)]
    pub public_tests: Vec<TestCase>,
    /// Tests that only grade; never in a prompt or in feedback.
    #[serde(default)]
    pub private_tests: Vec<TestCase>,
    /// Limits of one test.
    #[serde(default)]
    pub limits: Limits,
    /// How printed bytes are compared with expected ones.
    #[serde(default)]
    pub comparison: Comparison,
    /// Source put before the program (HumanEval's prompt, imports); empty where the program stands alone.
    #[serde(default)]
    pub preamble: String,
    /// Known correct programs.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// Where it comes from and how hard it is: free labels such as `family`, `difficulty`, `hidden`.
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
}

/// One test, in one of three kinds. `expected` stays outside the sandbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TestCase {
    /// Bytes in, bytes out.
    Stdin {
        /// What the program reads.
        input: String,
        /// What it should print.
        expected: String,
    },
    /// A function call: arguments in, result out.
    Call {
        /// Function name, or `Solution.method`.
        function: String,
        /// JSON array of positional arguments.
        arguments: Vec<serde_json::Value>,
        /// JSON value the call should return.
        expected: serde_json::Value,
    },
    /// Test code that calls the candidate across a pipe (HumanEval's `check(candidate)`).
    Asserted {
        /// Name of the function the program must define.
        entry_point: String,
        /// Python source of the tests; runs in its own sandbox, passes when it ends without an exception.
        code: String,
    },
}

/// A known correct program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its language.
    pub language: Language,
    /// Its whole source, preamble not included.
    pub source: String,
}
