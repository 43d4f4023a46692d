//! The types that serde writes and reads, as they stand in the code: where each is, and what its attributes say.

use std::collections::BTreeMap;
use std::path::Path;

use syn::{Attribute, Expr, ExprLit, Fields, Item, Lit, LitStr, Meta, UseTree};

/// One type.
pub(super) struct Type {
    /// The file it stands in, from the root of the repository.
    pub(super) file: String,
    /// Its name.
    pub(super) name: String,
    /// What serde is told of it.
    pub(super) serde: Serde,
    /// Whether it is written.
    pub(super) is_written: bool,
    /// Whether it is read.
    pub(super) is_read: bool,
    /// What it consists of.
    pub(super) body: Body,
}

/// What a type consists of.
pub(super) enum Body {
    /// Fields.
    Struct(Fields),
    /// Variants: doc, attributes, name, fields.
    Enum(Vec<(String, Serde, String, Fields)>),
}

/// What serde is told by attributes: name, and the value where there is one.
#[derive(Clone, Default)]
pub(super) struct Serde(BTreeMap<String, Option<String>>);

impl Serde {
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_deref()
    }

    /// What this reader of the code knows the meaning of; it refuses the rest, which might change what is written.
    const KNOWN: [&str; 16] = [
        "alias",
        "default",
        "deny_unknown_fields",
        "deserialize_with",
        "flatten",
        "from",
        "into",
        "rename",
        "rename_all",
        "skip",
        "skip_serializing",
        "skip_serializing_if",
        "tag",
        "transparent",
        "untagged",
        "with",
    ];

    pub(super) fn of(attributes: &[Attribute]) -> Self {
        let mut found = BTreeMap::new();
        for attribute in attributes.iter().filter(|one| one.path().is_ident("serde")) {
            let read = attribute.parse_nested_meta(|meta| {
                let name = meta.path.get_ident().map(ToString::to_string);
                let value = match meta.value() {
                    Ok(value) => Some(value.parse::<LitStr>()?.value()),
                    Err(_) => None,
                };
                found.insert(name.unwrap_or_default(), value);
                Ok(())
            });
            if let Err(error) = read {
                found.insert(error.to_string(), None);
            }
        }
        Self(found)
    }

    /// The same, once all of it is known to mean what it is taken for.
    pub(super) fn understood(&self, place: &str) -> &Self {
        for name in self.0.keys() {
            assert!(
                Self::KNOWN.contains(&&**name),
                "{place}: serde({name}) is not known here"
            );
        }
        self
    }
}

/// The words of doc comments, as one paragraph.
pub(super) fn doc(attributes: &[Attribute]) -> String {
    let mut words = Vec::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        if let Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) = &pair.value
            && pair.path.is_ident("doc")
        {
            words.push(text.value().trim().to_owned());
        }
    }
    // Links within the code lead nowhere from a file.
    words.join(" ").replace("[`", "`").replace("`]", "`")
}

/// All of the code's types that serde is derived for, by name, and its constants that are texts, by file and name.
pub(super) struct Code {
    types: BTreeMap<String, Vec<Type>>,
    texts: BTreeMap<(String, String), String>,
    aliases: BTreeMap<(String, String), syn::Type>,
}

impl Code {
    /// Reads it.
    pub(super) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut code = Self {
            types: BTreeMap::new(),
            texts: BTreeMap::new(),
            aliases: BTreeMap::new(),
        };
        let mut folders = ["src", "judge/src", "model/src", "serve/src", "sandbox/src"]
            .map(|name| root.join(name))
            .to_vec();
        folders.retain(|folder| folder.exists());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    // What holds no such type need not be parsed.
                    if text.contains("Serialize") || text.contains("Deserialize") {
                        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                        code.take(name, &text);
                    }
                }
            }
        }
        code
    }

    fn take(&mut self, file: &str, text: &str) {
        for item in syn::parse_file(text).unwrap().items {
            let (attributes, name, body) = match item {
                Item::Struct(item) => (item.attrs, item.ident, Body::Struct(item.fields)),
                Item::Enum(item) => {
                    let variants = item.variants.into_iter().map(|variant| {
                        let name = variant.ident.to_string();
                        let serde = Serde::of(&variant.attrs);
                        (doc(&variant.attrs), serde, name, variant.fields)
                    });
                    (item.attrs, item.ident, Body::Enum(variants.collect()))
                }
                Item::Const(item) => {
                    if let Expr::Lit(ExprLit {
                        lit: Lit::Str(text),
                        ..
                    }) = *item.expr
                    {
                        let key = (file.to_owned(), item.ident.to_string());
                        self.texts.insert(key, text.value());
                    }
                    continue;
                }
                Item::Type(item) => {
                    let key = (file.to_owned(), item.ident.to_string());
                    self.aliases.insert(key, *item.ty);
                    continue;
                }
                _ => continue,
            };
            let derives = |wanted: &str| {
                attributes.iter().any(|one| {
                    let mut found = false;
                    if one.path().is_ident("derive") {
                        // Whatever can't be read as a list of paths is no derive of serde's.
                        let _ = one.parse_nested_meta(|meta| {
                            let last = meta.path.segments.last();
                            found |= last.is_some_and(|part| part.ident == wanted);
                            Ok(())
                        });
                    }
                    found
                })
            };
            let (is_written, is_read) = (derives("Serialize"), derives("Deserialize"));
            if is_written || is_read {
                let name = name.to_string();
                self.types.entry(name.clone()).or_default().push(Type {
                    file: file.to_owned(),
                    name,
                    serde: Serde::of(&attributes),
                    is_written,
                    is_read,
                    body,
                });
            }
        }
    }

    /// The type of this name that code of `file` means: the one in it, else the only one, else the one that the file imports.
    pub(super) fn find(&self, name: &str, file: &str) -> &Type {
        let all = self.types.get(name).map_or(&[][..], Vec::as_slice);
        if let Some(own) = all.iter().find(|one| one.file == file) {
            return own;
        }
        if let [one] = all {
            return one;
        }
        let path = imported(name, file);
        let path = path.unwrap_or_else(|| panic!("{file}: which type is {name}?"));
        let (name, modules) = path.split_last().unwrap();
        // Above which folder, and below which names.
        let supers = modules.iter().filter(|part| *part == "super").count();
        let mut above = Path::new(file).with_extension("");
        for _ in 0..supers {
            above.pop();
        }
        let below: Vec<&String> = modules
            .iter()
            .filter(|part| {
                !matches!(
                    part.as_str(),
                    "crate" | "super" | "rlef_judge" | "rlef_sandbox"
                )
            })
            .collect();
        let all = self.types.get(name).map_or(&[][..], Vec::as_slice);
        let fits = |one: &&Type| {
            let path = Path::new(&one.file).with_extension("");
            let is_above = supers == 0 || path.starts_with(&above);
            // A crate's own folder may be called as one of its modules is.
            let mut modules = path.iter();
            modules.find(|part| *part == "src");
            let path = modules.as_path();
            is_above
                && below
                    .iter()
                    .all(|name| path.iter().any(|part| *part == ***name))
        };
        let mut fitting: Vec<&Type> = all.iter().filter(fits).collect();
        fitting.sort_by_key(|one| one.file.len());
        match fitting.as_slice() {
            [one] => one,
            // What another module only hands on.
            [] if supers == 0 => {
                let root = file.split_inclusive("src/").next().unwrap();
                let below: Vec<&str> = below.iter().map(|name| name.as_str()).collect();
                self.find(name, &format!("{root}{}.rs", below.join("/")))
            }
            // The module itself goes before what is below it.
            [one, next, ..] if next.file.starts_with(one.file.trim_end_matches(".rs")) => one,
            _ => panic!("{file}: which {name} is meant by {path:?}?"),
        }
    }

    /// What a name of a file is short for.
    pub(super) fn alias(&self, file: &str, name: &str) -> Option<&syn::Type> {
        self.aliases.get(&(file.to_owned(), name.to_owned()))
    }

    /// The text of a file's constant.
    pub(super) fn text(&self, file: &str, name: &str) -> Option<&str> {
        let key = (file.to_owned(), name.to_owned());
        self.texts.get(&key).map(String::as_str)
    }
}

/// The path by which a file imports what it calls `name`.
fn imported(name: &str, file: &str) -> Option<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let items = syn::parse_file(&text).unwrap().items;
    items.into_iter().find_map(|item| match item {
        Item::Use(item) => within(&item.tree, name),
        _ => None,
    })
}

fn within(tree: &UseTree, name: &str) -> Option<Vec<String>> {
    match tree {
        UseTree::Path(path) => {
            let mut found = within(&path.tree, name)?;
            found.insert(0, path.ident.to_string());
            Some(found)
        }
        UseTree::Name(found) => (found.ident == name).then(|| vec![name.to_owned()]),
        UseTree::Rename(found) => (found.rename == name).then(|| vec![found.ident.to_string()]),
        UseTree::Group(group) => group.items.iter().find_map(|tree| within(tree, name)),
        UseTree::Glob(_) => None,
    }
}
