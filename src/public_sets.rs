//! Public problem sets that can be fetched: where each lies, what its bytes are, and whose they are. Every address names a commit,
//! so that what lies there stays; the bytes decide.

mod download;

pub use download::{DownloadError, Fetched};

/// A public set in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicSet {
    /// Its name on the command line.
    pub name: &'static str,
    /// What its file is called here.
    pub file: &'static str,
    /// The repository and its commit, and the file in it.
    at: [&'static str; 3],
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: &'static str,
    /// SPDX name of its licence.
    pub licence: &'static str,
    /// How many problems, and of what.
    pub holds: &'static str,
}

impl PublicSet {
    /// The set of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PUBLIC_SETS.iter().find(|set| set.name == name)
    }

    /// Where it lies.
    pub fn address(&self) -> String {
        let [repository, commit, path] = self.at;
        format!("https://raw.githubusercontent.com/{repository}/{commit}/{path}")
    }
}

const HUMAN_EVAL: [&str; 2] = [
    "openai/human-eval",
    "6d43fb980f9fee3c892a914eda09951f772ad10d",
];
const HUMAN_EVAL_PLUS: [&str; 2] = [
    "evalplus/humanevalplus_release",
    "200defce9e3429d28ca215b6dd061c0f7f31c18b",
];
const MBPP_PLUS: [&str; 2] = [
    "evalplus/mbppplus_release",
    "dadf43da556a00f7bacd71cb154f2932757d9144",
];
const OCTOPACK: [&str; 2] = [
    "bigcode-project/octopack",
    "e17a8f6470264286bc6a52eb8263582083bf3bf6",
];
const CRUX_EVAL: [&str; 2] = [
    "facebookresearch/cruxeval",
    "190faf16d175b5847b0af05d937872b1fb395942",
];

const fn at([repository, commit]: [&'static str; 2], path: &'static str) -> [&'static str; 3] {
    [repository, commit, path]
}

/// All of them.
pub const PUBLIC_SETS: [PublicSet; 11] = [
    PublicSet {
        name: "humaneval",
        file: "HumanEval.jsonl.gz",
        at: at(HUMAN_EVAL, "data/HumanEval.jsonl.gz"),
        bytes: 44_877,
        sha256: "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
        licence: "MIT",
        holds: "164 Python functions to complete, private tests",
    },
    PublicSet {
        name: "humanevalplus",
        file: "HumanEvalPlus.jsonl.gz",
        at: at(HUMAN_EVAL_PLUS, "HumanEvalPlus.jsonl.gz"),
        bytes: 925_932,
        sha256: "272720b90ac375502c8ed23cd791c2a93dfb22a911641a494da74a426c09f101",
        licence: "Apache-2.0",
        holds: "the same with 80 times the tests",
    },
    PublicSet {
        name: "humanevalplus-mini",
        file: "HumanEvalPlus-Mini.jsonl.gz",
        at: at(HUMAN_EVAL_PLUS, "HumanEvalPlus-Mini.jsonl.gz"),
        bytes: 57_064,
        sha256: "91486741f1627101021fbe50523df08eebb5b0bf5e804b633dcd5ca3c14dbd2f",
        licence: "Apache-2.0",
        holds: "the same with the tests that tell most",
    },
    PublicSet {
        name: "mbppplus",
        file: "MbppPlus.jsonl.gz",
        at: at(MBPP_PLUS, "MbppPlus.jsonl.gz"),
        bytes: 336_032,
        sha256: "af43697e8791c4c149bdfd6b489d8b5412507551ac20e28a439f650b8225db63",
        licence: "Apache-2.0",
        holds: "378 small Python functions, some tests shown",
    },
    pack(
        "humanevalpack-python",
        "humanevalpack-python.jsonl",
        "evaluation/create/humaneval-x/data/python/data/humanevalpack.jsonl",
        537_907,
        "b1376d72be4bd016a62ad043d9de3846edb8d63edf1222da802a31330c14c3a7",
    ),
    pack(
        "humanevalpack-cpp",
        "humanevalpack-cpp.jsonl",
        "evaluation/create/humaneval-x/data/cpp/data/humanevalpack.jsonl",
        519_422,
        "891a390c1b9d2cb85dd8fbebcf1d88dbdd565734a6b2b3259f9ddb3fe95e33d7",
    ),
    pack(
        "humanevalpack-js",
        "humanevalpack-js.jsonl",
        "evaluation/create/humaneval-x/data/js/data/humanevalpack.jsonl",
        479_665,
        "04c86c1fac5f33818d9187cba278ed1dfc66cc259372dd8342126aa580fb7569",
    ),
    pack(
        "humanevalpack-java",
        "humanevalpack-java.jsonl",
        "evaluation/create/humaneval-x/data/java/data/humanevalpack.jsonl",
        710_974,
        "a8d077d300bbdc2eda91e1a733deb2944678bce8fcc7eb272214626516768cc1",
    ),
    pack(
        "humanevalpack-go",
        "humanevalpack-go.jsonl",
        "evaluation/create/humaneval-x/data/go/data/humanevalpack.jsonl",
        520_781,
        "0ee2cdca46d70afb33d913a0d4b205624fe4ded2f28c2efdb241727221837993",
    ),
    pack(
        "humanevalpack-rust",
        "humanevalpack-rust.jsonl",
        "evaluation/create/humaneval-x/data/rust/data/humanevalpack.jsonl",
        497_152,
        "01ece28eaf490d7af037ce53095083dacfd38022cf5b82662ccb78024dc269a1",
    ),
    PublicSet {
        name: "cruxeval",
        file: "cruxeval.jsonl",
        at: at(CRUX_EVAL, "data/cruxeval.jsonl"),
        bytes: 186_873,
        sha256: "8368b81047dc5014e4caf5a2f97604eff7644e0ecd7415e3ceeb184bbc2e0c96",
        licence: "MIT",
        holds: "800 Python functions whose output, or input, is asked for",
    },
];

const fn pack(
    name: &'static str,
    file: &'static str,
    path: &'static str,
    bytes: u64,
    sha256: &'static str,
) -> PublicSet {
    PublicSet {
        name,
        file,
        at: at(OCTOPACK, path),
        bytes,
        sha256,
        licence: "MIT",
        holds: "164 functions with a mistake each to repair",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_has_a_name_of_its_own_and_an_address_that_stays() {
        for (index, set) in PUBLIC_SETS.iter().enumerate() {
            let [_, commit, path] = set.at;
            let hexadecimal = |text: &str| text.chars().all(|digit| digit.is_ascii_hexdigit());
            assert!(commit.len() == 40 && hexadecimal(commit), "{}", set.name);
            assert!(
                set.sha256.len() == 64 && hexadecimal(set.sha256),
                "{}",
                set.name
            );
            assert!(set.address().ends_with(path));
            for other in &PUBLIC_SETS[..index] {
                assert!(
                    other.name != set.name && other.file != set.file && other.sha256 != set.sha256
                );
            }
            assert_eq!(PublicSet::named(set.name), Some(set));
        }
    }
}
