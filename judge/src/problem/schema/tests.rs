//! Which schema a row is of.

use super::*;

/// A schema's file is where its fields are listed: none twice, and every one it is known by among the honoured.
#[test]
fn every_schema_lists_its_fields_once() {
    for schema in SCHEMAS.iter().filter(|schema| schema.name != OWN) {
        let known = schema.known;
        let mut all: Vec<&str> = known.honoured.to_vec();
        all.extend(known.harmless.iter().map(|(name, _)| *name));
        all.extend(known.refused.iter().map(|(name, _)| *name));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "{}", schema.name);
        for name in schema.fields.iter().flat_map(|names| names.split('|')) {
            assert!(all.contains(&name), "{} does not list {name}", schema.name);
        }
        let mut reasons = known.harmless.iter().chain(known.refused);
        assert!(reasons.all(|(_, why)| !why.is_empty()));
    }
}

#[test]
fn names_of_schemas_are_unique() {
    for (index, schema) in SCHEMAS.iter().enumerate() {
        assert!(
            SCHEMAS[index + 1..]
                .iter()
                .all(|other| other.name != schema.name)
        );
        assert!(schema.over.iter().all(|name| Schema::named(name).is_some()));
    }
}
