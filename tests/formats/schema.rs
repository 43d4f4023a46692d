//! Types of the code → JSON Schema: what serde's attributes say of names, absence and alternatives.

use serde_json::{Map, Value, json};
use syn::{Field, Fields, GenericArgument, PathArguments, Type as Kind};

use super::code::{Body, Code, Serde, Type, doc};

/// Makes the schema of one format.
pub(super) struct Maker<'a> {
    code: &'a Code,
    /// By name: the file that it is from, and what it is.
    parts: std::collections::BTreeMap<String, (String, Value)>,
}

impl<'a> Maker<'a> {
    pub(super) const fn new(code: &'a Code) -> Self {
        Self {
            code,
            parts: std::collections::BTreeMap::new(),
        }
    }

    /// A reference to the type, whose schema is put among the parts.
    pub(super) fn refer(&mut self, name: &str, file: &str) -> Value {
        let found = self.code.find(name, file);
        if let Some(other) = found.serde.value("into").filter(|other| *other != name) {
            return self.refer(other, &found.file);
        }
        let mut label = found.name.clone();
        if self
            .parts
            .get(&label)
            .is_some_and(|(from, _)| *from != found.file)
        {
            let stem = found.file.rsplit('/').next().unwrap();
            label = format!("{}_{label}", stem.trim_end_matches(".rs"));
        }
        if !self.parts.contains_key(&label) {
            let place = (found.file.clone(), Value::Null);
            self.parts.insert(label.clone(), place);
            let made = self.of(found);
            self.parts.insert(label.clone(), (found.file.clone(), made));
        }
        json!({"$ref": format!("#/$defs/{label}")})
    }

    /// The parts that were referred to.
    pub(super) fn parts(self) -> Map<String, Value> {
        let parts = self.parts.into_iter();
        parts.map(|(name, (_, part))| (name, part)).collect()
    }

    fn of(&mut self, found: &Type) -> Value {
        found.serde.understood(&found.name);
        match &found.body {
            Body::Struct(Fields::Named(_)) if found.serde.has("transparent") => {
                let inner = fields(&found.body).next().unwrap();
                self.value_of(found, inner)
            }
            Body::Struct(Fields::Named(_)) => self.object(found, &found.serde, fields(&found.body)),
            Body::Struct(inner) => self.tuple(found, inner),
            Body::Enum(variants) => {
                let made: Vec<Value> = variants
                    .iter()
                    .map(|(words, serde, name, inner)| {
                        self.variant(found, (words, serde, name), inner)
                    })
                    .collect();
                json!({"oneOf": made})
            }
        }
    }

    /// One field without a name is written as what it holds; several are a list.
    fn tuple(&mut self, found: &Type, fields: &Fields) -> Value {
        let mut made: Vec<Value> = fields
            .iter()
            .map(|field| self.value_of(found, field))
            .collect();
        match made.len() {
            0 => json!({"type": "null"}),
            1 => made.remove(0),
            count => {
                json!({"type": "array", "prefixItems": made, "minItems": count, "maxItems": count})
            }
        }
    }

    fn variant(
        &mut self,
        found: &Type,
        (words, serde, name): (&str, &Serde, &str),
        inner: &Fields,
    ) -> Value {
        serde.understood(&found.name);
        let name = serde.value("rename").map_or_else(
            || renamed(name, found.serde.value("rename_all")),
            str::to_owned,
        );
        let content = |maker: &mut Self| match inner {
            Fields::Named(named) => maker.object(found, &Serde::default(), named.named.iter()),
            other => maker.tuple(found, other),
        };
        let mut made = if let Some(tag) = found.serde.value("tag") {
            let mut object = match inner {
                Fields::Unit => {
                    json!({"type": "object", "properties": {}, "additionalProperties": false})
                }
                Fields::Named(_) => content(self),
                // The fields of what it holds stand beside the tag.
                Fields::Unnamed(one) => {
                    let (name, file) = (name_of(&one.unnamed[0].ty), found.file.clone());
                    let inner = self.code.find(&name, &file);
                    self.object(inner, &inner.serde, fields(&inner.body))
                }
            };
            object["properties"][tag] =
                json!({"const": name, "description": "Which of these it is."});
            let mut required = object["required"].as_array().cloned().unwrap_or_default();
            required.insert(0, json!(tag));
            object["required"] = json!(required);
            object
        } else if found.serde.has("untagged") {
            content(self)
        } else if matches!(inner, Fields::Unit) {
            json!({"const": name})
        } else {
            let mut inner = content(self);
            if !words.is_empty() && inner.is_object() {
                inner["description"] = json!(words);
            }
            json!({"type": "object", "properties": {&*name: inner}, "required": [name], "additionalProperties": false})
        };
        if !words.is_empty() {
            made["description"] = json!(words);
        }
        made
    }

    /// Fields by name. What need not be there: a reader does without, or the writer leaves it out.
    fn object<'f>(
        &mut self,
        found: &Type,
        serde: &Serde,
        fields: impl Iterator<Item = &'f Field>,
    ) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in fields {
            let told = Serde::of(&field.attrs);
            told.understood(&found.name);
            if told.has("skip") || told.has("skip_serializing") {
                continue;
            }
            if told.has("flatten") {
                let inner = option(&field.ty).unwrap_or(&field.ty);
                let inner = self.code.find(&name_of(inner), &found.file);
                let inner = self.object(inner, &inner.serde, self::fields(&inner.body));
                let inner = inner["properties"].as_object().unwrap().clone();
                properties.extend(inner);
                continue;
            }
            let name = field.ident.as_ref().unwrap().to_string();
            let name = name.trim_start_matches("r#");
            let name = told.value("rename").unwrap_or(name).to_owned();
            let mut value = self.value_of(found, field);
            let words = doc(&field.attrs);
            assert!(
                !words.is_empty(),
                "{}: the field {name} of {} has no words; whoever reads the file needs them",
                found.file,
                found.name
            );
            value["description"] = json!(words);
            if let Some(other) = told.value("alias").filter(|_| !found.is_written) {
                let mut other_value = value.clone();
                other_value["description"] = json!(format!("Another name of `{name}`."));
                properties.insert(other.to_owned(), other_value);
            } else if !may_be_absent(found, serde, &told, &field.ty) {
                required.push(name.clone());
            }
            properties.insert(name, value);
        }
        let mut made = json!({"type": "object", "properties": properties, "required": required});
        if found.is_written || serde.has("deny_unknown_fields") {
            made["additionalProperties"] = json!(false);
        }
        made
    }

    fn value_of(&mut self, found: &Type, field: &Field) -> Value {
        let told = Serde::of(&field.attrs);
        if let Some(path) = told.value("with") {
            assert!(path.ends_with("number"), "{}: with = {path}", found.file);
            return json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "inf", "-inf"]}]});
        }
        if let Some(path) = told.value("deserialize_with") {
            assert!(path.ends_with("id::deserialize"), "{}: {path}", found.file);
            return json!({"type": ["string", "integer"]});
        }
        let is_form = field.ident.as_ref().is_some_and(|name| name == "schema");
        if is_form && let Some(text) = self.code.text(&found.file, "SCHEMA") {
            return json!({"const": text});
        }
        if let Some(inner) = option(&field.ty) {
            let inner = self.kind(inner, &found.file);
            if told.has("skip_serializing_if") || inner == json!({}) {
                return inner;
            }
            return json!({"anyOf": [inner, {"type": "null"}]});
        }
        self.kind(&field.ty, &found.file)
    }

    fn kind(&mut self, kind: &Kind, file: &str) -> Value {
        match kind {
            Kind::Reference(inner) => self.kind(&inner.elem, file),
            Kind::Slice(inner) => json!({"type": "array", "items": self.kind(&inner.elem, file)}),
            Kind::Array(inner) => {
                json!({"type": "array", "items": self.kind(&inner.elem, file)})
            }
            Kind::Tuple(inner) if inner.elems.is_empty() => json!({"type": "null"}),
            Kind::Tuple(inner) => {
                let items: Vec<Value> =
                    inner.elems.iter().map(|one| self.kind(one, file)).collect();
                let count = items.len();
                json!({"type": "array", "prefixItems": items, "minItems": count, "maxItems": count})
            }
            Kind::Path(_) => self.path(kind, file),
            _ => panic!("{file}: a type that has no schema here"),
        }
    }

    fn path(&mut self, kind: &Kind, file: &str) -> Value {
        let name = name_of(kind);
        let inner = arguments(kind);
        match &*name {
            "String" | "str" | "PathBuf" | "Path" => json!({"type": "string"}),
            "bool" => json!({"type": "boolean"}),
            "f32" | "f64" => json!({"type": "number"}),
            "u8" | "u16" | "u32" | "u64" | "usize" => json!({"type": "integer", "minimum": 0}),
            "i8" | "i16" | "i32" | "i64" => json!({"type": "integer"}),
            "Value" => json!({}),
            "Schema" => json!({"const": 1}),
            "Option" => json!({"anyOf": [self.kind(inner[0], file), {"type": "null"}]}),
            "Box" | "Arc" | "Cow" => self.kind(inner.last().unwrap(), file),
            "Vec" | "BTreeSet" => json!({"type": "array", "items": self.kind(inner[0], file)}),
            "Range" => {
                let end = self.kind(inner[0], file);
                json!({"type": "object", "properties": {"start": end, "end": end}, "required": ["start", "end"], "additionalProperties": false})
            }
            "BTreeMap" | "HashMap" => {
                let values = self.kind(inner[1], file);
                json!({"type": "object", "additionalProperties": values})
            }
            _ => match self.code.alias(file, &name) {
                Some(meant) => self.kind(meant, file),
                None => self.refer(&name, file),
            },
        }
    }
}

fn fields(body: &Body) -> impl Iterator<Item = &Field> {
    let Body::Struct(fields) = body else {
        panic!("an enum where fields are needed");
    };
    fields.iter()
}

fn may_be_absent(found: &Type, serde: &Serde, told: &Serde, kind: &Kind) -> bool {
    let is_left_out = told.has("skip_serializing_if");
    let does_without =
        found.is_read && (told.has("default") || serde.has("default") || option(kind).is_some());
    is_left_out || does_without
}

/// What an `Option` holds.
fn option(kind: &Kind) -> Option<&Kind> {
    (name_of(kind) == "Option").then(|| arguments(kind)[0])
}

/// The last word of a type's path; nothing of one without.
fn name_of(kind: &Kind) -> String {
    match kind {
        Kind::Path(path) => path.path.segments.last().unwrap().ident.to_string(),
        Kind::Reference(inner) => name_of(&inner.elem),
        _ => String::new(),
    }
}

fn arguments(kind: &Kind) -> Vec<&Kind> {
    let Kind::Path(path) = kind else {
        return Vec::new();
    };
    let PathArguments::AngleBracketed(list) = &path.path.segments.last().unwrap().arguments else {
        return Vec::new();
    };
    let types = list.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(kind) => Some(kind),
        _ => None,
    });
    types.collect()
}

/// A variant's name as serde writes it.
fn renamed(name: &str, rule: Option<&str>) -> String {
    let with = |between: &str| {
        let mut text = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() && !text.is_empty() {
                text += between;
            }
            text.extend(letter.to_lowercase());
        }
        text
    };
    match rule {
        None => name.to_owned(),
        Some("snake_case") => with("_"),
        Some("kebab-case") => with("-"),
        Some("lowercase") => with(""),
        Some(other) => panic!("rename_all = {other}"),
    }
}
