//! The least that runs programs over HTTP: one request a test, one new interpreter each, nothing around the program and no
//! verdict. It stands for what most reward services do, so that `serve` is compared with work of the same kind.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// A server on a free port; its threads end with their connections.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

/// Answers the requests of one connection until it is closed.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(body) = request(&mut reader)? {
        let said = run(&body)?;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", said.len());
        reader.get_mut().write_all(head.as_bytes())?;
        reader.get_mut().write_all(&said)?;
    }
    Ok(())
}

/// The body of the next request.
fn request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(body))
}

/// The interpreter itself: what is named python3 may be a script that looks for it, which would cost more than the program.
#[expect(
    clippy::disallowed_methods,
    reason = "it asks the interpreter where it is"
)]
fn interpreter() -> io::Result<&'static str> {
    static FOUND: OnceLock<String> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found);
    }
    let said = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()?;
    let path = String::from_utf8(said.stdout).map_err(io::Error::other)?;
    Ok(FOUND.get_or_init(|| path.trim().to_owned()))
}

/// `{"code", "stdin"}` → what the program printed.
#[expect(
    clippy::disallowed_methods,
    reason = "the program is this benchmark's own"
)]
fn run(body: &[u8]) -> io::Result<Vec<u8>> {
    let asked: Value = serde_json::from_slice(body)?;
    let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(text("code").as_bytes())?;
    let mut child = Command::new(interpreter()?)
        .args(["-I", "-S"])
        .arg(file.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text("stdin").as_bytes())?;
    }
    Ok(child.wait_with_output()?.stdout)
}
