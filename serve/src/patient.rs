//! A connection whose other end has to take what it is sent: one that takes too little for a while is closed. What comes by
//! it may be metered (`meter`).

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::meter::Meter;

/// Bytes of an answer that are taken during each pause at least, or all that is left of it.
pub(crate) const PART: usize = 256 << 10;

/// A stream that is not written to for longer than this without a part being taken.
#[derive(Debug)]
pub(crate) struct Patient {
    stream: TcpStream,
    pause: Duration,
    /// Set since a write had to wait, until a part was taken.
    until: Option<Pin<Box<Sleep>>>,
    /// Bytes that were taken since.
    taken: usize,
    meter: Arc<Meter>,
}

impl Patient {
    pub(crate) const fn new(stream: TcpStream, pause: Duration, meter: Arc<Meter>) -> Self {
        Self {
            stream,
            pause,
            until: None,
            taken: 0,
            meter,
        }
    }

    /// What a write of so many bytes came to, or that it has waited for too long.
    fn timed(
        &mut self,
        context: &mut Context<'_>,
        bytes: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(taken)) = written {
            self.taken += taken;
            // Byte by byte is not enough: a large answer would be held for days.
            if taken >= bytes || self.taken >= PART {
                self.until = None;
                self.taken = 0;
            }
        }
        if written.is_ready() {
            return written;
        }
        let pause = self.pause;
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(until.as_mut().poll(context));
        until.as_mut().reset(Instant::now() + pause);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        let came = buffer.filled().len().saturating_sub(before);
        Poll::Ready(read.and_then(|()| self.meter.came(came)))
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(context, bytes.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        let bytes = parts.iter().map(|part| part.len()).sum();
        self.timed(context, bytes, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
