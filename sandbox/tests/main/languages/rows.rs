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
    csharp, CSharp, "using System; class P { static void Main() { Console.WriteLine(2 * int.Parse(Console.ReadLine())); } }",
        "class P { static void Main() { throw new System.Exception(); } }", "class P { static void Main() { for (;;) {} } }",
        "using System.Collections.Generic; class P { static void Main() { var a = new List<byte[]>(); for (;;) { var b = new byte[1 << 20]; for (int i = 0; i < b.Length; i += 512) b[i] = 1; a.Add(b); } } }",
        "class P { static void Main() { for (;;) System.Console.WriteLine(new string('x', 100)); } }", "class P { static void Main() { undeclared(); } }";
    kotlin, Kotlin, "fun main() { println(2 * readLine()!!.trim().toInt()) }", "fun main() { throw Exception(\"x\") }", "fun main() { while (true) {} }",
        "fun main() { val a = ArrayList<ByteArray>(); while (true) a.add(ByteArray(1 shl 20)) }", "fun main() { while (true) println(\"x\".repeat(100)) }", "fun main() { undeclared() }";
    scala, Scala, "object Main { def main(a: Array[String]): Unit = println(2 * scala.io.StdIn.readInt()) }", "object Main { def main(a: Array[String]): Unit = throw new Exception(\"x\") }",
        "object Main { def main(a: Array[String]): Unit = while (true) {} }", "object Main { def main(a: Array[String]): Unit = { val v = new java.util.ArrayList[Array[Byte]](); while (true) v.add(new Array[Byte](1 << 20)) } }",
        "object Main { def main(a: Array[String]): Unit = while (true) println(\"x\" * 100) }", "object Main { def main(a: Array[String]): Unit = undeclared() }";
    haskell, Haskell, "main = do { n <- readLn; print (2 * n :: Int) }", "main = error \"x\"",
        "main = loop 0 where { loop :: Int -> IO (); loop n = if n < 0 then print n else loop (if n > 5 then 1 else n + 1) }",
        "main = do { let { a = [1 ..] :: [Integer] }; print (length (takeWhile (> 0) a)); print (sum a) }", "main = mapM_ putStrLn (repeat (replicate 100 'x'))", "main = print (undeclared :: Int)";
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
        (
            Language::CSharp,
            "using System; using System.IO; class P { static string Try(string r, Action f) { try { f(); return r.ToUpper(); } catch (Exception) { return r; } } static void Main() { Console.Write(Try(\"a\", () => File.ReadAllText(\"/etc/shadow\")) + Try(\"b\", () => File.WriteAllText(\"/program/x\", \"x\"))); } }",
        ),
        (
            Language::Kotlin,
            "import java.io.File\nfun attempt(name: String, f: () -> Unit) = try { f(); name.toUpperCase() } catch (e: Exception) { name }\nfun main() { print(attempt(\"a\") { File(\"/etc/shadow\").readText() } + attempt(\"b\") { File(\"/program/x\").writeText(\"x\") }) }",
        ),
        (
            Language::Scala,
            "object Main extends App { def attempt(name: String)(f: => Any) = try { f; name.toUpperCase } catch { case e: Exception => name }\nprint(attempt(\"a\")(scala.io.Source.fromFile(\"/etc/shadow\").mkString) + attempt(\"b\")(new java.io.FileWriter(\"/program/x\"))) }",
        ),
        (
            Language::Haskell,
            "import Control.Exception\nattempt :: String -> String -> IO () -> IO ()\nattempt good bad f = do { r <- try f :: IO (Either SomeException ()); putStr (either (const good) (const bad) r) }\nmain = attempt \"a\" \"A\" (readFile \"/etc/shadow\" >>= \\t -> evaluate (length t) >> return ()) >> attempt \"b\" \"B\" (writeFile \"/program/x\" \"x\")",
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
            Language::CSharp,
            "using System; using System.Linq; using System.Collections.Generic; using System.Numerics; class P { static int F(int n) { return n == 0 ? 0 : 1 + F(n - 1); } static void Main() { var l = new List<string>(); string s; while ((s = Console.ReadLine()) != null) l.Add(s); BigInteger t = l.SelectMany(x => x.Split(new char[]{' '}, StringSplitOptions.RemoveEmptyEntries)).Select(int.Parse).Sum(); Console.WriteLine(t + F(5000)); } }",
        ),
        (
            Language::Kotlin,
            "import java.io.*\nimport java.util.*\nfun f(n: Int): Int = if (n == 0) 0 else 1 + f(n - 1)\nfun main(args: Array<String>) { val s = BufferedReader(InputStreamReader(System.`in`)).readLines().flatMap { it.split(' ') }.filter { it != \"\" }.map { it.toInt() }.sum(); println(\"${s + f(5000)}\") }",
        ),
        (
            Language::Scala,
            "import scala.io.StdIn\nimport scala.collection.mutable\nobject Solution extends App { def f(n: Int): Int = if (n == 0) 0 else 1 + f(n - 1)\nval m = mutable.Map[Int, Int](); val s = Iterator.continually(StdIn.readLine()).takeWhile(_ != null).flatMap(_.split(\" \")).filter(_.nonEmpty).map(_.toInt).sum\nprintln(s + f(5000)) }",
        ),
        (
            Language::Haskell,
            "{-# LANGUAGE BangPatterns #-}\nmodule Main where\nimport qualified Data.Map.Strict as M\nimport qualified Data.ByteString.Char8 as B\nimport Data.Array.ST\nimport Data.Maybe (mapMaybe)\nf :: Int -> Int\nf 0 = 0\nf n = 1 + f (n - 1)\nmain :: IO ()\nmain = do\n  s <- B.getContents\n  let !t = sum (map fst (mapMaybe B.readInt (B.words s)))\n  print (t + f 5000 + M.size (M.fromList [(t, t)]) - 1)",
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
