//! Languages that are a row each: what they need of the host, how a source is compiled and how it is started.
//!
//! `{0}`, `{1}` ... in a command stand for the tools, by their real paths; `{unit}`, `{memory_mb}` and `{stack_kb}` as in any
//! command. The last column of `sandbox/README.md` says on which versions a row was tried.

use std::path::PathBuf;

use super::toolchain::{Compile, Launch, Output, Toolchain, Tools, ask, fingerprint, on_path};
use super::{Definition, LastWords, always_main, gcc};

/// A language.
struct Row {
    title: &'static str,
    tags: &'static [&'static str],
    extensions: &'static [&'static str],
    /// Executables that it needs, each under the first of its names that is there.
    tools: &'static [&'static [&'static str]],
    /// What says the version of the first.
    version: &'static str,
    /// Directories that it needs beside those that every jail shows.
    shown: &'static [&'static str],
    /// The name of the source, the command that compiles or checks it, and what comes of that.
    compile: (&'static str, &'static [&'static str], Output),
    /// The name of the program, and the command that starts it; none where it is executed itself.
    run: (&'static str, &'static [&'static str]),
    environment: &'static [(&'static str, &'static str)],
    /// Memory and threads that the runtime itself takes, and whether it reserves far more addresses.
    own: (u64, u64, bool),
    /// Whether a C compiler links its programs.
    links: bool,
    /// What a program that had too little memory says last.
    out_of_memory: &'static str,
}

/// What most rows begin with.
const PLAIN: Row = Row {
    title: "",
    tags: &[],
    extensions: &[],
    tools: &[],
    version: "--version",
    shown: &[],
    compile: ("main", &[], Output::Source),
    run: ("main", &[]),
    environment: &[],
    own: (16 << 20, 0, false),
    links: false,
    out_of_memory: "out of memory",
};

/// Types are not looked at, for the host's declarations of Node.js may be missing; what does not parse is refused.
const TYPESCRIPT: &str = "const fs=require('fs'),ts=require('/usr/share/nodejs/typescript/lib/typescript.js');\
const done=ts.transpileModule(fs.readFileSync('/program/main.ts','utf8'),{reportDiagnostics:true,fileName:'main.ts',\
compilerOptions:{module:ts.ModuleKind.CommonJS,target:ts.ScriptTarget.ES2020,esModuleInterop:true}});\
if(done.diagnostics.length){for(const one of done.diagnostics.slice(0,5)){const at=one.file?one.file.getLineAndCharacterOfPosition(one.start):{line:0,character:0};\
console.error('main.ts:'+(at.line+1)+':'+(at.character+1)+': error: '+ts.flattenDiagnosticMessageText(one.messageText,'\\n'));}process.exit(1);}\
fs.writeFileSync('/box/out',done.outputText||' ');";

const ROWS: [Row; 6] = [
    Row {
        title: "PHP",
        tags: &["php"],
        extensions: &["php"],
        tools: &[&["php", "php8.2", "php8.3", "php8.4"]],
        shown: &["/etc/php", "/usr/share/php"],
        compile: (
            "main.php",
            &["{0}", "-n", "-l", "/program/main.php"],
            Output::Source,
        ),
        run: (
            "main.php",
            &[
                "{0}",
                "-n",
                "-d",
                "memory_limit=-1",
                "-d",
                "display_errors=stderr",
                "-d",
                "max_execution_time=0",
                "/program/main.php",
            ],
        ),
        own: (48 << 20, 0, false),
        out_of_memory: "Out of memory",
        ..PLAIN
    },
    Row {
        title: "Ruby",
        tags: &["ruby", "rb"],
        extensions: &["rb"],
        tools: &[&["ruby"]],
        shown: &[
            "/usr/share/rubygems-integration",
            "/usr/share/ruby",
            "/usr/local/lib/ruby",
        ],
        compile: (
            "main.rb",
            &["{0}", "-c", "/program/main.rb"],
            Output::Source,
        ),
        run: ("main.rb", &["{0}", "-W0", "/program/main.rb"]),
        own: (32 << 20, 4, false),
        out_of_memory: "failed to allocate memory (NoMemoryError)",
        ..PLAIN
    },
    Row {
        title: "Lua",
        tags: &["lua"],
        extensions: &["lua"],
        tools: &[&["lua5.4", "lua5.3", "lua"]],
        version: "-v",
        compile: (
            "main.lua",
            &[
                "{0}",
                "-e",
                "local f, e = loadfile('/program/main.lua') if not f then io.stderr:write('error: ' .. e .. '\\n') os.exit(1) end",
            ],
            Output::Source,
        ),
        run: ("main.lua", &["{0}", "/program/main.lua"]),
        out_of_memory: "not enough memory",
        ..PLAIN
    },
    Row {
        title: "Perl",
        tags: &["perl", "pl"],
        extensions: &["pl"],
        tools: &[&["perl"]],
        shown: &["/usr/share/perl", "/usr/share/perl5", "/etc/perl"],
        compile: (
            "main.pl",
            &["{0}", "-c", "/program/main.pl"],
            Output::Source,
        ),
        run: ("main.pl", &["{0}", "/program/main.pl"]),
        out_of_memory: "Out of memory",
        ..PLAIN
    },
    Row {
        title: "Bash",
        tags: &["bash", "shell"],
        extensions: &["bash"],
        tools: &[&["bash"]],
        compile: (
            "main.bash",
            &["{0}", "-n", "/program/main.bash"],
            Output::Source,
        ),
        run: ("main.bash", &["{0}", "/program/main.bash"]),
        out_of_memory: "cannot allocate",
        ..PLAIN
    },
    Row {
        title: "TypeScript",
        tags: &["typescript", "ts"],
        extensions: &["ts"],
        tools: &[&["node", "nodejs"], &["tsc"]],
        shown: &["/usr/share/nodejs"],
        compile: ("main.ts", &["{0}", "-e", TYPESCRIPT], Output::Artifact),
        run: (
            "main.js",
            &[
                "{0}",
                "--max-old-space-size={memory_mb}",
                "/program/main.js",
            ],
        ),
        environment: &[("UV_USE_IO_URING", "0")],
        own: (96 << 20, 16, true),
        out_of_memory: "JavaScript heap out of memory",
        ..PLAIN
    },
];

/// The definition of a row.
pub(crate) const fn definition<const ROW: usize>() -> Definition {
    Definition {
        title: ROWS[ROW].title,
        tags: ROWS[ROW].tags,
        extensions: ROWS[ROW].extensions,
        find: || find(&ROWS[ROW]),
        unit: always_main,
        wanted_memory: |last: &LastWords<'_>| {
            last.exit_code != Some(0) && last.contain(ROWS[ROW].out_of_memory)
        },
    }
}

fn find(row: &Row) -> Result<Toolchain, String> {
    let mut paths = Vec::new();
    let mut real = Vec::new();
    for names in row.tools {
        let named =
            on_path(names).ok_or_else(|| format!("{} is not on the search path", names[0]))?;
        let path = named
            .canonicalize()
            .map_err(|error| format!("{}: {error}", named.display()))?;
        paths.extend([named, path.clone()]);
        real.push(path);
    }
    let first = real.first().ok_or("no tool is named")?;
    let version = ask(first, &[row.version]).map_or_else(
        |_| first.display().to_string(),
        |said| {
            said.lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default()
                .to_owned()
        },
    );
    // A runtime's own home, as a JDK's, stands two levels above its executable.
    let homes = real.iter().filter_map(|path| path.parent()?.parent());
    paths.extend(
        homes
            .filter(|home| home.components().count() > 3)
            .map(PathBuf::from),
    );
    paths.extend(row.shown.iter().map(PathBuf::from));
    let mut identity: String = real.iter().map(|path| fingerprint(path) + " ").collect();
    if row.links {
        let linker = gcc::find(&["gcc", "clang", "cc"], &[])
            .map_err(|reason| format!("{} needs a C compiler to link: {reason}", row.title))?;
        identity.push_str(&linker.identity);
        paths.push(PathBuf::from("/usr/bin/gcc"));
        paths.extend(linker.tools.binds);
    }
    let tools = Tools::new(paths);
    let command = |parts: &[&str]| {
        let filled = parts.iter().map(|part| {
            real.iter()
                .enumerate()
                .fold((*part).to_owned(), |text, (index, path)| {
                    text.replace(&format!("{{{index}}}"), &path.to_string_lossy())
                })
        });
        filled.collect::<Vec<String>>()
    };
    let (own_memory_bytes, own_threads, reserves_addresses) = row.own;
    let launch = |file: &str, parts: &[&str]| Launch {
        environment: row
            .environment
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        own_memory_bytes,
        own_threads,
        reserves_addresses,
        ..Launch::compiler(file, command(parts), tools.clone())
    };
    let (source, compile, output) = row.compile;
    let run = if row.run.1.is_empty() {
        Launch {
            own_memory_bytes,
            own_threads,
            reserves_addresses,
            ..Launch::native()
        }
    } else {
        launch(row.run.0, row.run.1)
    };
    Ok(Toolchain {
        identity: format!("{version} {identity}"),
        version,
        compile: Some(Compile {
            launch: Launch {
                own_threads: own_threads.max(16),
                reserves_addresses: true,
                ..launch(source, compile)
            },
            output,
            precompiled: Vec::new(),
            libraries: Vec::new(),
        }),
        run,
    })
}
