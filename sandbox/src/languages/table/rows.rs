//! The rows: one language each.

use super::super::{always_main, jvm};
use super::{Output, Row};

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
    unit: always_main,
};

/// Types are not looked at, for the host's declarations of Node.js may be missing; what does not parse is refused.
const TYPESCRIPT: &str = "const fs=require('fs'),ts=require('/usr/share/nodejs/typescript/lib/typescript.js');\
const done=ts.transpileModule(fs.readFileSync('/program/main.ts','utf8'),{reportDiagnostics:true,fileName:'main.ts',\
compilerOptions:{module:ts.ModuleKind.CommonJS,target:ts.ScriptTarget.ES2020,esModuleInterop:true}});\
if(done.diagnostics.length){for(const one of done.diagnostics.slice(0,5)){const at=one.file?one.file.getLineAndCharacterOfPosition(one.start):{line:0,character:0};\
console.error('main.ts:'+(at.line+1)+':'+(at.character+1)+': error: '+ts.flattenDiagnosticMessageText(one.messageText,'\\n'));}process.exit(1);}\
fs.writeFileSync('/box/out',done.outputText||' ');";

/// Settings of a JDK, which Debian keeps apart from it, and libraries in Java.
const OF_JAVA: [&str; 5] = [
    "/etc/java-11-openjdk",
    "/etc/java-17-openjdk",
    "/etc/java-21-openjdk",
    "/etc/java-25-openjdk",
    "/usr/share/java",
];

/// All of them; `languages` says which is whose.
pub(super) const ROWS: [Row; 10] = [
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
    Row {
        title: "C#",
        tags: &["csharp", "c#", "cs"],
        extensions: &["cs"],
        tools: &[&["mono"], &["mcs"]],
        shown: &["/etc/mono"],
        compile: (
            "main.cs",
            &[
                "{0}",
                "/usr/lib/mono/4.5/mcs.exe",
                "-nologo",
                "-optimize+",
                "-warn:0",
                "-r:System.Numerics.dll",
                "-out:/box/out",
                "/program/main.cs",
            ],
            Output::Artifact,
        ),
        run: ("main.exe", &["{0}", "/program/main.exe"]),
        environment: &[
            ("MONO_GC_PARAMS", "nursery-size=4m"),
            ("MONO_SHARED_DIR", "/box"),
        ],
        own: (96 << 20, 16, true),
        out_of_memory: "OutOfMemoryException",
        ..PLAIN
    },
    Row {
        title: "Kotlin",
        tags: &["kotlin", "kt"],
        extensions: &["kt"],
        tools: &[&["java"], &["kotlinc"]],
        shown: &OF_JAVA,
        compile: (
            "Main.kt",
            &[
                "{0}",
                "-Xshare:auto",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-XX:-UseContainerSupport",
                "-XX:ReservedCodeCacheSize=64m",
                "-XX:CompressedClassSpaceSize=64m",
                "-XX:TieredStopAtLevel=1",
                "-Xmx{memory_mb}m",
                "-cp",
                "{home1}/lib/kotlin-preloader.jar",
                "org.jetbrains.kotlin.preloading.Preloader",
                "-cp",
                "{home1}/lib/kotlin-compiler.jar",
                "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
                "-nowarn",
                "-no-reflect",
                "-kotlin-home",
                "{home1}",
                "-d",
                "/box/out",
                "/program/Main.kt",
            ],
            Output::Artifact,
        ),
        run: (
            "program.jar",
            &[
                "{0}",
                "-Xshare:auto",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-XX:-UseContainerSupport",
                "-XX:ReservedCodeCacheSize=64m",
                "-XX:CompressedClassSpaceSize=64m",
                "-Xms16m",
                "-Xmx{memory_mb}m",
                "-Xss{stack_kb}k",
                "-cp",
                "/program/program.jar:{home1}/lib/kotlin-stdlib.jar",
                "{unit}",
            ],
        ),
        own: (192 << 20, 32, true),
        out_of_memory: "java.lang.OutOfMemoryError",
        unit: jvm::kotlin,
        ..PLAIN
    },
    Row {
        title: "Scala",
        tags: &["scala", "scala2"],
        extensions: &["scala", "sc"],
        tools: &[&["java"], &["scalac"], &["sh"], &["mkdir"]],
        shown: &OF_JAVA,
        compile: (
            "Main.scala",
            &[
                // The compiler makes no directory for what it leaves.
                "{2}",
                "-c",
                "{3} /box/out && exec \"$0\" \"$@\"",
                "{0}",
                "-Xshare:auto",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-XX:-UseContainerSupport",
                "-XX:ReservedCodeCacheSize=64m",
                "-XX:CompressedClassSpaceSize=64m",
                "-XX:TieredStopAtLevel=1",
                "-Xmx{memory_mb}m",
                "-Xss8m",
                "-cp",
                "{home1}/lib/*",
                "scala.tools.nsc.Main",
                "-usejavacp",
                "-nowarn",
                "-encoding",
                "UTF-8",
                "-d",
                "/box/out",
                "/program/Main.scala",
            ],
            Output::Artifact,
        ),
        run: (
            "program.jar",
            &[
                "{0}",
                "-Xshare:auto",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-XX:-UseContainerSupport",
                "-XX:ReservedCodeCacheSize=64m",
                "-XX:CompressedClassSpaceSize=64m",
                "-Xms16m",
                "-Xmx{memory_mb}m",
                "-Xss{stack_kb}k",
                "-cp",
                "/program/program.jar:{home1}/lib/scala-library.jar",
                "{unit}",
            ],
        ),
        own: (192 << 20, 32, true),
        out_of_memory: "java.lang.OutOfMemoryError",
        unit: jvm::scala,
        ..PLAIN
    },
    Row {
        title: "Haskell",
        tags: &["haskell", "hs"],
        extensions: &["hs"],
        tools: &[&["ghc"], &["sh"], &["gcc", "clang", "cc"]],
        shown: &[
            "/var/lib/ghc",
            "/usr/share/ghc",
            "/usr/bin/x86_64-linux-gnu-ld.gold",
            "/usr/bin/ld.gold",
        ],
        compile: (
            "main.hs",
            &[
                "{1}",
                "{0}",
                "-v0",
                "-O1",
                "-w",
                "-pgmc",
                "{2}",
                "-pgma",
                "{2}",
                "-pgml",
                "{2}",
                // Its own compilation of a module is not of the kind that may lie anywhere.
                "-optl-no-pie",
                "-outputdir",
                "/box/objects",
                "-o",
                "/box/out",
                "/program/main.hs",
            ],
            Output::Artifact,
        ),
        run: ("main", &[]),
        own: (32 << 20, 8, true),
        links: true,
        out_of_memory: "heap exhausted",
        ..PLAIN
    },
];
