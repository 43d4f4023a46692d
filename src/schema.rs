//! A number that says which form a file has: always written, absent in files from before there was one, and refused where it
//! is another than this program reads.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The form of a file, or of one of its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schema<const VERSION: u32>;

impl<const VERSION: u32> Serialize for Schema<VERSION> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }
}

impl<'de, const VERSION: u32> Deserialize<'de> for Schema<VERSION> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = u32::deserialize(deserializer)?;
        if found == VERSION {
            return Ok(Self);
        }
        Err(D::Error::custom(format_args!(
            "field schema: the form is {found}, and this version of rlef reads {VERSION}; take the rlef that wrote it, or a newer one"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Line {
        #[serde(default)]
        schema: Schema<3>,
        value: u32,
    }

    #[test]
    fn another_form_is_refused_and_none_is_the_one_of_before() {
        let line = Line {
            schema: Schema,
            value: 7,
        };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(text, r#"{"schema":3,"value":7}"#);
        for same in [&*text, r#"{"value":7}"#] {
            assert_eq!(serde_json::from_str::<Line>(same).unwrap(), line);
        }
        let error = serde_json::from_str::<Line>(r#"{"schema":4,"value":7}"#).unwrap_err();
        assert!(error.to_string().contains("the form is 4"), "{error}");
        assert!(serde_json::from_str::<Line>(r#"{"schema":"3","value":7}"#).is_err());
    }
}
