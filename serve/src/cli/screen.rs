//! What is written while a bar is on the screen: above the bar, in whole lines, whoever writes and wherever to.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;

/// The bar that is on the screen, and its number.
static SHOWN: Mutex<Option<(u64, ProgressBar)>> = Mutex::new(None);
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Says that this bar is on the screen from now on; its number is for [`forget`].
pub(super) fn show(bar: &ProgressBar) -> u64 {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *shown = Some((number, bar.clone()));
    number
}

/// Says that the bar of this number is drawn no more.
pub(super) fn forget(number: u64) {
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    shown.take_if(|(one, _)| *one == number);
}

/// Writes with no bar in the way, and has it drawn again below. What `write` does must not come here again.
pub(super) fn above<R>(write: impl FnOnce() -> R) -> R {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, bar)) = &*shown {
        return bar.suspend(write);
    }
    drop(shown);
    write()
}

/// Standard error, for whoever writes there by himself.
#[derive(Debug)]
pub struct Words;

/// Whether words on standard error may have colours: where a person reads them, who has not said no (no-color.org).
pub fn has_colours() -> bool {
    may_have_colours(
        io::stderr().is_terminal(),
        std::env::var_os("NO_COLOR").as_deref(),
    )
}

/// Words for a stream, broken between them where a terminal ends; for a pipe or a file as they are.
pub(super) fn fitted(words: &str, stream: impl AsFd) -> String {
    match width(stream) {
        Some(width) => broken(words, width.max(NARROWEST)),
        None => words.to_owned(),
    }
}

/// Columns of a terminal; none of what is no terminal, or doesn't say.
pub(super) fn width(stream: impl AsFd) -> Option<usize> {
    let (terminal_size::Width(width), _) = terminal_size::terminal_size_of(stream)?;
    (width > 0).then(|| usize::from(width))
}

/// Less than this holds no sentence.
const NARROWEST: usize = 20;

/// Rows of tables are left as they are, and so is a command at the end, for it is copied from the screen.
fn broken(words: &str, width: usize) -> String {
    let options = textwrap::Options::new(width)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let lines = words.split('\n').map(|line| {
        if textwrap::core::display_width(line) <= width || line.trim_start().contains("  ") {
            return line.to_owned();
        }
        let Some((said, command)) = line.split_once(": rlef ") else {
            return textwrap::fill(line, &options);
        };
        format!(
            "{}\n  rlef {command}",
            textwrap::fill(&format!("{said}:"), &options)
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn may_have_colours(is_terminal: bool, no: Option<&OsStr>) -> bool {
    is_terminal && no.is_none_or(OsStr::is_empty)
}

impl Write for Words {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Lines of results, of which none is cut by a bar.
pub(super) struct Rows<W: Write> {
    out: W,
    /// Whether a bar would be on the same screen.
    apart: bool,
    pending: Vec<u8>,
}

impl Rows<io::Stdout> {
    /// Those of standard output, which is not held between them.
    pub(super) fn of_stdout() -> Self {
        let out = io::stdout();
        Self {
            apart: out.is_terminal(),
            out,
            pending: Vec::new(),
        }
    }
}

impl<W: Write> Write for Rows<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.contains(&b'\n') {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    /// Writes what is there up to the end of its last line.
    fn flush(&mut self) -> io::Result<()> {
        let whole = self.pending.iter().rposition(|byte| *byte == b'\n');
        let lines: Vec<u8> = self
            .pending
            .drain(..whole.map_or(0, |last| last + 1))
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        let out = &mut self.out;
        let mut write = || out.write_all(&lines).and_then(|()| out.flush());
        if self.apart { above(write) } else { write() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use indicatif::{ProgressDrawTarget, ProgressStyle, TermLike};

    use super::*;

    #[test]
    fn colours_are_for_a_person_who_has_not_said_no() {
        let no = |text: &'static str| Some(OsStr::new(text));
        assert!(may_have_colours(true, None) && may_have_colours(true, no("")));
        assert!(!may_have_colours(true, no("1")) && !may_have_colours(false, None));
    }

    #[test]
    fn words_break_between_them_and_a_command_stays_whole() {
        let text =
            "preset starter, for a policy with no chat template: /a/path-that-is-long/and-whole";
        let lines = broken(text, 40);
        assert_eq!(lines.replace('\n', " "), text);
        assert!(lines.lines().all(|line| line.len() <= 40), "{lines}");
        let command = "rlef train --resume --run runs/a-name-of-some-length";
        let lines = broken(
            &format!("stopped after round 4; continue with: {command}"),
            40,
        );
        assert_eq!(lines.lines().last().unwrap().trim(), command);
        let row = "  all        300  27.0%  [21.4, 34.3]  a row of a table";
        assert_eq!(broken(row, 40), row);
        assert_eq!(broken("short", 40), "short");
        assert_eq!(broken("two\nlines", 40), "two\nlines");
    }

    const WIDTH: usize = 40;

    /// What a person sees: lines, and where the next letter goes.
    #[derive(Debug, Default)]
    struct Seen {
        lines: Vec<String>,
        row: usize,
        column: usize,
    }

    /// A terminal that wraps when a letter comes that has no room.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Seen>>);

    impl Screen {
        fn put(&self, text: &str) {
            let mut seen = self.0.lock().unwrap();
            for letter in text.chars() {
                if letter == '\r' {
                    seen.column = 0;
                    continue;
                }
                if letter == '\n' || seen.column == WIDTH {
                    (seen.row, seen.column) = (seen.row + 1, 0);
                }
                let row = seen.row;
                if seen.lines.len() <= row {
                    seen.lines.resize(row + 1, String::new());
                }
                if letter == '\n' {
                    continue;
                }
                let column = seen.column;
                let line = &mut seen.lines[row];
                let mut letters: Vec<char> = line.chars().collect();
                letters.resize(letters.len().max(column + 1), ' ');
                letters[column] = letter;
                *line = letters.into_iter().collect();
                seen.column += 1;
            }
        }

        fn lines(&self) -> Vec<String> {
            let seen = self.0.lock().unwrap();
            let lines = seen.lines.iter().map(|line| line.trim_end().to_owned());
            lines.filter(|line| !line.is_empty()).collect()
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            WIDTH as u16
        }
        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().row -= n;
            Ok(())
        }
        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().row += n;
            Ok(())
        }
        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().column += n;
            Ok(())
        }
        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().column -= n;
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.put(&format!("{text}\n"));
            Ok(())
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.put(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            let mut seen = self.0.lock().unwrap();
            let row = seen.row;
            if let Some(line) = seen.lines.get_mut(row) {
                line.clear();
            }
            seen.column = 0;
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.put(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A bar of two lines after rows that were written around it, or past it where `apart` is false.
    fn judged(apart: bool) -> Vec<String> {
        let screen = Screen::default();
        let bar = ProgressBar::with_draw_target(
            Some(3),
            ProgressDrawTarget::term_like(Box::new(screen.clone())),
        )
        .with_style(ProgressStyle::with_template("programs {pos}/{len}\n  {wide_msg}").unwrap());
        let number = show(&bar);
        let mut rows = Rows {
            out: screen.clone(),
            apart,
            pending: Vec::new(),
        };
        for row in 1..=3 {
            write!(rows, "row ").unwrap();
            writeln!(rows, "{row}").unwrap();
            bar.set_message(format!("{row} accepted"));
            bar.set_position(row);
            bar.force_draw();
        }
        forget(number);
        screen.lines()
    }

    #[test]
    fn rows_stand_above_the_bar_and_nothing_of_it_between_them() {
        let wanted = ["row 1", "row 2", "row 3", "programs 3/3", "  3 accepted"];
        assert_eq!(judged(true), wanted);
        // Without that care the screen shows what it should not, so that this test can fail.
        assert_ne!(judged(false), wanted);
    }
}
