//! This program → the same again, in the same process, with one more variable. For what a C library reads only as a
//! process starts. Here because nothing else in the project may start programs; it has nothing to do with jails.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Replaces this process's program by itself, with the same arguments, descriptors and process id (execve(2)), and
/// `variable` set to `value`. Comes back only if that failed, with nothing changed.
pub fn restart_with(variable: &str, value: &str) -> io::Error {
    let mut arguments = env::args_os();
    match (env::current_exe(), arguments.next()) {
        (Ok(program), Some(name)) => Command::new(program)
            .arg0(name)
            .args(arguments)
            .env(variable, value)
            .exec(),
        (Err(error), _) => error,
        (Ok(_), None) => io::Error::other("it was started without a name"),
    }
}
