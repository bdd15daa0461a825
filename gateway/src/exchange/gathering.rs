//! Content that has to be known before its head can go: keys that sign a request sign its content too.

use wiretape_credentials::sigv4::{self, Payload};
use wiretape_http::{Content, Field, Part, Problem, RequestHead};

use super::Exchange;

/// The most content, in bytes, that is kept until its head is signed.
const CONTENT_SIGNED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A head that waits for its content, which is kept among what the target is told early.
pub(super) struct Gathering {
    head: Box<RequestHead>,
    bytes: usize,
}

impl Exchange<'_> {
    /// Tells the target `part`, or keeps it until the target is reached.
    pub(super) fn put_upstream(&mut self, part: Part) {
        match part {
            Part::Request(head, _) => match self.upstreams.demands_content(&head) {
                Ok(true) => self.gathering = Some(Gathering { head, bytes: 0 }),
                Ok(false) => self.asked = Some(head),
                Err(problem) => {
                    self.content = Some(Err(problem));
                    self.asked = Some(head);
                }
            },
            part if self.gathering.is_some() => self.gather(part),
            part => match &mut self.upstream {
                Some(upstream) => upstream.put(part),
                None if self.asked.is_some() => self.early.push_back(part),
                None => {}
            },
        }
    }

    fn gather(&mut self, part: Part) {
        let Some(mut gathering) = self.gathering.take() else { return };
        match &part {
            Part::Body(bytes) => gathering.bytes += bytes.len(),
            // Nobody asks any more.
            Part::Reset { .. } => return self.early.clear(),
            _ => {}
        }
        let ended = part == Part::End;
        self.early.push_back(part);
        if gathering.bytes > CONTENT_SIGNED_BYTES_MAX {
            let name = self.upstreams.name();
            let reason = format!(
                "the content is more than the {CONTENT_SIGNED_BYTES_MAX} bytes that the gateway signs for the target \
                 {name}: let the client state its SHA-256 in x-amz-content-sha256"
            );
            self.content = Some(Err(Problem { status: 413, error: "content_too_large_to_sign", reason, place: None }));
            self.asked = Some(gathering.head);
        } else if ended {
            self.content = Some(Ok(self.payload()));
            self.asked = Some(measured(gathering, &self.early));
        } else {
            self.gathering = Some(gathering);
        }
    }

    fn payload(&self) -> Payload {
        sigv4::hash(self.early.iter().filter_map(|part| match part {
            Part::Body(bytes) => Some(bytes.as_ref()),
            _ => None,
        }))
    }
}

/// The head with the length of its content, which few services of AWS do without.
fn measured(gathering: Gathering, told: &std::collections::VecDeque<Part>) -> Box<RequestHead> {
    let Gathering { mut head, bytes } = gathering;
    let trailed = told.iter().any(|part| matches!(part, Part::Trailers(_)));
    if head.content == Content::Streamed && !trailed {
        head.content = Content::Length(u64::try_from(bytes).unwrap_or(u64::MAX));
        head.fields.push(Field { name: "content-length".into(), value: bytes.to_string().into() });
    }
    head
}
