//! A large answer, handed over part by part: its bytes count as held until the last part is taken.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use crate::failure::{Failure, Kind};
use crate::patient::PART;
use crate::places::{Held, Purse};

/// Bytes of an answer that is not counted: no more than what the system keeps of any connection.
const SMALL: u64 = 64 << 10;

/// What is left of it.
#[derive(Debug)]
struct Rest {
    bytes: Bytes,
    _held: Held,
}

impl hyper::body::Body for Rest {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.bytes.len().min(PART);
        // A copy: a part of the whole would keep all of it.
        let part = Bytes::copy_from_slice(&self.bytes.split_to(length));
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// The answer with its bytes counted, or an error where its caller may hold no more.
pub(crate) async fn counted(purse: &Purse, answer: Response) -> Result<Response, Failure> {
    let Some(size) = answer.body().size_hint().exact() else {
        return Ok(answer);
    };
    if size <= SMALL {
        return Ok(answer);
    }
    let held = purse.hold(usize::try_from(size).unwrap_or(usize::MAX));
    let held = held.map_err(|failure| match failure.kind {
        // It was not the request that is too large, and another time it may be less.
        Kind::Large => Failure::new(
            Kind::Busy,
            "the answer takes more memory than one caller may have; ask for less at once",
        ),
        _ => failure,
    })?;
    let (parts, body) = answer.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await;
    let bytes = bytes.map_err(|_| Failure::lost())?;
    let rest = Rest { bytes, _held: held };
    Ok(Response::from_parts(parts, Body::new(rest)))
}
