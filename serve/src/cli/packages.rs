//! Where a language's tools come from, for whoever lacks them.

use rlef_sandbox::Language;

/// The packages of Debian and Ubuntu that bring what programs in a language are run with; nothing where no package does.
pub(super) const fn of(language: Language) -> &'static str {
    match language {
        Language::Python => "python3",
        Language::Cpp => "g++",
        Language::C => "gcc",
        Language::Rust => "rustc",
        Language::Java => "default-jdk-headless",
        Language::JavaScript => "nodejs",
        Language::Go => "golang-go",
        Language::Php => "php-cli",
        Language::Ruby => "ruby",
        Language::Lua => "lua5.4",
        Language::Perl => "perl",
        Language::Bash => "bash",
        Language::TypeScript => "nodejs node-typescript",
        Language::CSharp => "mono-runtime mono-mcs",
        Language::Kotlin => "kotlin default-jdk-headless",
        Language::Scala => "scala default-jdk-headless",
        Language::Haskell => "ghc gcc",
        Language::Wasm => "",
    }
}
