//! Languages that are a row of the table: right statuses for each, and what they do against the jail.

use rlef_sandbox::{Language, Status};

use super::{Programs, every_status, if_usable, run};
use crate::support::{canary, text};

macro_rules! statuses {
    ($($name:ident, $language:ident, $double:expr, $crash:expr, $endless:expr, $hog:expr, $flood:expr, $broken:expr;)*) => { $(
        #[test]
        fn $name() {
            every_status(
                Language::$language,
                &Programs { double: $double, crash: $crash, endless: $endless, hog: $hog, flood: $flood, bomb: None, broken: $broken },
            );
        }
    )* };
}

statuses! {
    php, Php, "<?php echo 2 * intval(fgets(STDIN)), \"\\n\";", "<?php throw new Exception('x');", "<?php for (;;) {}",
        "<?php $a = []; for (;;) { $a[] = str_repeat('x', 1 << 20); }", "<?php for (;;) echo str_repeat('x', 100), \"\\n\";", "<?php echo (;";
    ruby, Ruby, "puts 2 * gets.to_i", "raise 'x'", "loop {}", "a = []\nloop { a << 'x' * (1 << 20) }", "loop { puts 'x' * 100 }", "def f(";
    lua, Lua, "print(2 * io.read('n') // 1)", "error('x')", "while true do end",
        "local a = {} for i = 1, math.huge do a[i] = string.rep('x', 1 << 20) .. i end", "while true do print(string.rep('x', 100)) end", "print((";
    perl, Perl, "print 2 * <STDIN>, \"\\n\";", "die 'x';", "1 while 1;", "my @a; push @a, 'x' x (1 << 20) while 1;", "print 'x' x 100, \"\\n\" while 1;", "print ((;";
    bash, Bash, "read n; echo $((2 * n))", "exit 3", "while :; do :; done", "a=x; while :; do a=$a$a; done", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", "if (";
    typescript, TypeScript, "const n: number = parseInt(require('fs').readFileSync(0, 'utf8')); console.log(2 * n);", "throw new Error('x');", "for (;;);",
        "const v: number[][] = []; for (;;) v.push(new Array(1 << 17).fill(1.5));", "for (;;) require('fs').writeSync(1, 'x'.repeat(100));", "let x: = (";
}

/// None of them sees the host's files, writes where its program lies, or starts another program of the host.
#[test]
fn interpreters_stay_in_their_jail() {
    for (language, source) in [
        (
            Language::Php,
            "<?php echo @file_get_contents('/etc/shadow') === false ? 'a' : 'A', @file_put_contents('/program/x', 'x') === false ? 'b' : 'B';",
        ),
        (
            Language::Ruby,
            "print((File.read('/etc/shadow') rescue nil) ? 'A' : 'a', (File.write('/program/x', 'x') rescue nil) ? 'B' : 'b')",
        ),
        (
            Language::Lua,
            "io.write(io.open('/etc/shadow') and 'A' or 'a', io.open('/program/x', 'w') and 'B' or 'b')",
        ),
        (
            Language::Perl,
            "print open(my $f, '<', '/etc/shadow') ? 'A' : 'a', open(my $g, '>', '/program/x') ? 'B' : 'b';",
        ),
        (
            Language::Bash,
            "[ -r /etc/shadow ] && printf A || printf a; { : > /program/x; } 2> /box/err && printf B || printf b",
        ),
    ] {
        if_usable(language, || {
            let outcome = run(language, source, "");
            assert_eq!(
                (outcome.status, text(&outcome.stdout).as_str()),
                (Status::Exited(0), "ab"),
                "{}: {}",
                language.title(),
                text(&outcome.stderr)
            );
            canary();
        });
    }
}

/// What programs of contests do: lines until the end, numbers across lines, no last newline, deep recursion, big output.
#[test]
fn idioms_of_contests_work() {
    for (language, source) in [
        (
            Language::Php,
            "<?php $s = 0; while (($l = fgets(STDIN)) !== false) foreach (preg_split('/\\s+/', trim($l)) as $w) $s += (int)$w; function f($n) { return $n ? 1 + f($n - 1) : 0; } echo $s + f(5000), PHP_EOL;",
        ),
        (
            Language::Ruby,
            "s = STDIN.read.split.map(&:to_i).sum\ndef f(n) = n.zero? ? 0 : 1 + f(n - 1)\nputs s + f(5000)",
        ),
        (
            Language::Lua,
            "local s = 0 for w in io.read('a'):gmatch('%S+') do s = s + tonumber(w) end local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end print(math.floor(s + f(5000)))",
        ),
        (
            Language::Perl,
            "no warnings; my $s = 0; while (<>) { $s += $_ for split } sub f { my $n = shift; $n ? 1 + f($n - 1) : 0 } print $s + f(5000), \"\\n\";",
        ),
        (
            Language::Bash,
            "s=0; while read -ra w || [ ${#w[@]} -gt 0 ]; do for x in \"${w[@]}\"; do s=$((s + x)); done; done; f() { if [ $1 -eq 0 ]; then r=0; else f $(($1 - 1)); r=$((r + 1)); fi; }; f 500; echo $((s + r * 10))",
        ),
        (
            Language::TypeScript,
            "import * as fs from 'fs'; const f = (n: number): number => n ? 1 + f(n - 1) : 0; console.log(fs.readFileSync(0, 'utf8').split(/\\s+/).filter(w => w).map(Number).reduce((a, b) => a + b, 0) + f(5000));",
        ),
    ] {
        if_usable(language, || {
            let outcome = run(language, source, "1 2\n\n3 4\n5");
            assert_eq!(
                (outcome.status, text(&outcome.stdout).trim()),
                (Status::Exited(0), "5015"),
                "{}: {}",
                language.title(),
                text(&outcome.stderr)
            );
        });
    }
}
