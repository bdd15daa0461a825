//! How far an exchange has come, and what each side may say next (RFC 9110 section 6, RFC 9113 section 8.1).

use wiretape_core::Side;

use crate::{Content, RequestHead};

/// How far the message of one side has come.
///
/// ```text
///             interim responses
///               ┌──┐
///               │  ▼
///   ● ─────────► Head ──── head ────► Content ──── trailers ────► Trailers ─── end ───► Ended
///                                      │  ▲  │                                            ▲
///                                      └──┘  └───────────────────── end ──────────────────┘
///                                    runs of it
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing but interim responses was said.
    Head,
    /// The head was said.
    Content,
    /// The trailers were said: only the end can follow.
    Trailers,
    /// The message is complete.
    Ended,
}

/// What a peer said that does not fit what it said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation(pub(crate) &'static str);

/// The message of one side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    phase: Phase,
    /// Content that has to follow; `None`: as much as comes.
    left_bytes: Option<u64>,
}

impl Progress {
    /// A message of which nothing was said.
    pub(crate) const fn new() -> Self {
        Self { phase: Phase::Head, left_bytes: None }
    }

    /// A message whose head was said: `content` follows.
    pub(crate) const fn begun(content: Content) -> Self {
        let left_bytes = match content {
            Content::Empty => Some(0),
            Content::Length(bytes) => Some(bytes),
            Content::Streamed | Content::Tunnel => None,
        };
        Self { phase: Phase::Content, left_bytes }
    }

    pub(crate) fn phase(self) -> Phase {
        self.phase
    }

    pub(crate) fn has_ended(self) -> bool {
        self.phase == Phase::Ended
    }

    /// The head was said: `content` follows.
    pub(crate) fn begin(&mut self, content: Content) -> Result<(), Violation> {
        if self.phase != Phase::Head {
            return Err(Violation("a second head"));
        }
        *self = Self::begun(content);
        Ok(())
    }

    /// An interim response: only before the head.
    pub(crate) fn interim(self) -> Result<(), Violation> {
        if self.phase == Phase::Head { Ok(()) } else { Err(Violation("an interim response behind the final one")) }
    }

    /// `bytes` of content were said.
    pub(crate) fn content(&mut self, bytes: usize) -> Result<(), Violation> {
        match self.phase {
            Phase::Head => return Err(Violation("content before a head")),
            Phase::Content => {}
            Phase::Trailers => return Err(Violation("content behind the trailers")),
            Phase::Ended => return Err(Violation("content behind the end")),
        }
        if let Some(left) = &mut self.left_bytes {
            *left = left.checked_sub(bytes as u64).ok_or(Violation("more content than its head declares"))?;
        }
        Ok(())
    }

    /// The trailers were said.
    pub(crate) fn trailers(&mut self) -> Result<(), Violation> {
        match self.phase {
            Phase::Head => Err(Violation("trailers before a head")),
            Phase::Content => {
                self.phase = Phase::Trailers;
                Ok(())
            }
            Phase::Trailers => Err(Violation("a second trailer section")),
            Phase::Ended => Err(Violation("trailers behind the end")),
        }
    }

    /// The message is said to be complete.
    pub(crate) fn end(&mut self) -> Result<(), Violation> {
        match self.phase {
            Phase::Head => return Err(Violation("the end before a head")),
            Phase::Content | Phase::Trailers if self.left_bytes.is_some_and(|left| left > 0) => {
                return Err(Violation("less content than its head declares"));
            }
            Phase::Content | Phase::Trailers => {}
            Phase::Ended => return Err(Violation("a second end")),
        }
        self.phase = Phase::Ended;
        Ok(())
    }

    /// Nothing more of it counts.
    pub(crate) fn finish(&mut self) {
        self.phase = Phase::Ended;
    }
}

impl Violation {
    /// The sentence that is recorded and told.
    pub(crate) fn sentence(self, by: Side) -> String {
        let by = match by {
            Side::Client => "client",
            Side::Upstream => "target",
        };
        format!("the {by} broke the protocol: {}", self.0)
    }
}

impl RequestHead {
    /// True of a CONNECT without a protocol (RFC 9110 section 9.3.6).
    pub(crate) fn is_tunnel(&self) -> bool {
        self.protocol.is_none() && self.method.as_ref() == b"CONNECT"
    }

    /// True of a HEAD, whose response has no content (RFC 9110 section 9.3.2).
    pub(crate) fn is_head(&self) -> bool {
        self.method.as_ref() == b"HEAD"
    }
}

/// The error codes of RFC 9113 section 7 that the gateway itself uses.
pub(crate) mod code {
    /// Nothing is wrong: what is left is not needed.
    pub(crate) const NO_ERROR: u32 = 0;
    /// The peer broke the protocol.
    pub(crate) const PROTOCOL_ERROR: u32 = 1;
    /// Something happened that the peer cannot help.
    pub(crate) const INTERNAL_ERROR: u32 = 2;
    /// The exchange is not needed any more.
    pub(crate) const CANCEL: u32 = 8;
}

#[cfg(test)]
mod tests {
    use super::{Phase, Progress, Violation};
    use crate::Content;

    #[test]
    fn content_is_as_long_as_was_declared() {
        let mut exact = Progress::begun(Content::Length(5));
        assert_eq!((exact.content(2), exact.content(3), exact.end()), (Ok(()), Ok(()), Ok(())));
        assert_eq!(exact.phase(), Phase::Ended);
        let mut long = Progress::begun(Content::Length(5));
        assert_eq!(long.content(6), Err(Violation("more content than its head declares")));
        let mut short = Progress::begun(Content::Length(5));
        assert_eq!((short.content(4), short.end()), (Ok(()), Err(Violation("less content than its head declares"))));
        let mut empty = Progress::begun(Content::Empty);
        assert!(empty.content(1).is_err());
        let mut streamed = Progress::begun(Content::Streamed);
        assert_eq!((streamed.content(usize::MAX), streamed.content(7), streamed.end()), (Ok(()), Ok(()), Ok(())));
    }

    #[test]
    fn each_part_is_said_once_and_in_order() {
        let mut progress = Progress::new();
        assert!(progress.content(1).is_err() && progress.trailers().is_err() && progress.end().is_err());
        assert!(progress.interim().is_ok() && progress.begin(Content::Streamed).is_ok());
        assert!(progress.begin(Content::Empty).is_err() && progress.interim().is_err());
        assert_eq!(progress.trailers(), Ok(()));
        assert!(progress.content(1).is_err() && progress.trailers().is_err());
        assert_eq!(progress.end(), Ok(()));
        assert!(progress.end().is_err() && progress.content(1).is_err() && progress.trailers().is_err());
    }
}
