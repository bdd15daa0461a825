//! Asking the target of an exchange about what is held: requests of the gateway's own, by the same way and with the same
//! credential.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use wiretape_core::{Asking, Carrier, Inquiry, Unanswered};
use wiretape_credentials::sigv4;
use wiretape_http::{Content, Field, Part, RequestHead, Route};

use crate::dial::http::{Opened, Upstreams};

/// How long the target may take to answer one question.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// Fields of the request that is held which say what its content is, or how it is to be answered.
const FIELDS_OF_CONTENT: &[&str] = &[
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "git-protocol",
    "te",
    "trailer",
    "transfer-encoding",
];

/// Asks by the way of an exchange.
pub(super) struct HttpAsking {
    upstreams: Arc<Upstreams>,
    /// The request that is held, as it would go to the target.
    held: Option<(Box<RequestHead>, Arc<Route>)>,
    over: CancellationToken,
    runtime: Handle,
}

impl HttpAsking {
    /// Asks as the request `held` would, until `over`.
    pub(super) fn new(upstreams: &Arc<Upstreams>, held: Option<&Part>, over: CancellationToken) -> Self {
        let held = match held {
            Some(Part::Request(head, route)) => Some((head.clone(), Arc::clone(route))),
            _ => None,
        };
        Self { upstreams: Arc::clone(upstreams), held, over, runtime: Handle::current() }
    }

    /// The head of a question.
    fn head(&self, inquiry: &Inquiry) -> Result<RequestHead, Unanswered> {
        let unable = || Unanswered("a question of another protocol".to_owned());
        let Carrier::Content(content) = &inquiry.carrier else { return Err(unable()) };
        let (held, route) = self.held.as_ref().ok_or_else(unable)?;
        let mut head = (**held).clone();
        head.method = content.method.clone();
        head.path = [route.base.as_bytes(), &content.path].concat().into();
        head.protocol = None;
        head.fields
            .retain(|field| !FIELDS_OF_CONTENT.iter().any(|name| field.name.eq_ignore_ascii_case(name.as_bytes())));
        let mut put = |name: &'static str, value: &Bytes| {
            head.fields.push(Field { name: Bytes::from_static(name.as_bytes()), value: value.clone() });
        };
        if !content.media_type.is_empty() {
            put("Content-Type", &content.media_type);
        }
        if let Some(protocol) = inquiry.protocol {
            put("Git-Protocol", &Bytes::from_static(protocol.as_bytes()));
        }
        put("Accept", &Bytes::from_static(b"*/*"));
        head.content = match inquiry.request.len() {
            0 => Content::Empty,
            length => Content::Length(length as u64),
        };
        Ok(head)
    }

    async fn converse(&self, inquiry: &Inquiry, hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        let head = self.head(inquiry)?;
        // A connection that rested may have been closed meanwhile: then another one is asked, once.
        let opened = self.open(&head, inquiry).await?;
        let used = opened.used;
        match listen(opened, hear).await {
            Err(Broken::Silent(_)) if used => match listen(self.open(&head, inquiry).await?, hear).await {
                Ok(()) => Ok(()),
                Err(Broken::Silent(text) | Broken::Told(text)) => Err(Unanswered(text)),
            },
            Err(Broken::Silent(text) | Broken::Told(text)) => Err(Unanswered(text)),
            Ok(()) => Ok(()),
        }
    }

    async fn open(&self, head: &RequestHead, inquiry: &Inquiry) -> Result<Opened, Unanswered> {
        let payload = (!inquiry.request.is_empty()).then(|| sigv4::hash([inquiry.request.as_ref()]));
        let mut opened = self.upstreams.open(head, payload).await.map_err(|problem| Unanswered(problem.reason))?;
        if !inquiry.request.is_empty() {
            opened.peer.put(Part::Body(inquiry.request.clone()));
        }
        opened.peer.put(Part::End);
        Ok(opened)
    }
}

/// Why there was no answer, and whether the target had said something.
enum Broken {
    Silent(String),
    Told(String),
}

async fn listen(mut opened: Opened, hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Broken> {
    let mut begun = false;
    loop {
        let peer = &mut opened.peer;
        let part = poll_fn(|context| {
            // What goes wrong with sending shows in what is heard.
            let _sent = peer.poll_sent(context);
            peer.poll_part(context)
        })
        .await;
        match part {
            Part::Informational(_) | Part::Trailers(_) => {}
            Part::Response(head) if head.status == 200 => begun = true,
            Part::Response(head) => return Err(Broken::Told(format!("it answers {}", head.status))),
            Part::Body(bytes) => {
                if !hear(&bytes) {
                    return Ok(());
                }
            }
            Part::End => {
                if let Some(home) = &opened.home {
                    home.give_back(opened.peer);
                }
                return Ok(());
            }
            Part::Reset { reason, .. } if begun => return Err(Broken::Told(reason)),
            Part::Reset { reason, .. } => return Err(Broken::Silent(reason)),
            Part::Failed(problem) => return Err(Broken::Told(problem.reason)),
            Part::Request(..) => return Err(Broken::Told("it asks".to_owned())),
        }
    }
}

impl Asking for HttpAsking {
    fn ask(&mut self, inquiry: &Inquiry, hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        self.runtime.block_on(async {
            tokio::select! {
                () = self.over.cancelled() => Err(Unanswered("the exchange is over".to_owned())),
                answer = tokio::time::timeout(ANSWER_TIME_MAX, self.converse(inquiry, hear)) => {
                    answer.unwrap_or_else(|_| Err(Unanswered("it did not answer in time".to_owned())))
                }
            }
        })
    }
}
