//! What others are told of a question.

use serde_json::json;
use wiretape_approval::Petition;
use wiretape_replay::wallclock::exact;

use crate::limits::NOTICE_TEXT_BYTES_MAX;

/// What others are told of a question: who asks for what, who may answer, and until when.
pub(crate) struct Notice {
    id: String,
    body: String,
    expires_unix_nanos: u64,
}

impl Notice {
    /// The notice of `petition`, made at `now_unix_nanos`.
    pub(crate) fn of(petition: &Petition, office_url: Option<&str>, now_unix_nanos: u64) -> Self {
        let asking = &petition.asking;
        let requester = &asking.requester;
        let approvers: Vec<_> =
            asking.approvers.iter().map(|asked| json!({ "group": asked.group, "count": asked.count })).collect();
        let link = office_url.map(|url| format!("{}/v1/approvals/{}", url.trim_end_matches('/'), petition.id));
        let what = cut(&asking.detail);
        let body = json!({
            "type": "approval.asked",
            "timestamp": exact(now_unix_nanos),
            "data": {
                "id": petition.id,
                "who": {
                    "name": requester.name,
                    "kind": requester.kind.name(),
                    "issuer": requester.issuer,
                    "on_behalf_of": requester.on_behalf_of,
                },
                "session": asking.session.to_string(),
                "target": asking.target,
                "action": asking.action,
                "what": what,
                "what_is_cut": what.len() < asking.detail.len(),
                "rule": asking.rule,
                "text": asking.text,
                "approvers": approvers,
                "asked": exact(petition.asked_unix_nanos),
                "expires": exact(asking.expires_unix_nanos),
                "link": link,
            },
        });
        Self { id: petition.id.clone(), body: body.to_string(), expires_unix_nanos: asking.expires_unix_nanos }
    }

    /// The question.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The name of the notice: the same for every try, so that whoever takes it can take it once.
    pub(crate) fn message_id(&self) -> String {
        format!("asked-{}", self.id)
    }

    /// What is sent: JSON.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// Whether nobody can answer any more.
    pub(crate) fn is_over(&self, now_unix_nanos: u64) -> bool {
        self.expires_unix_nanos <= now_unix_nanos
    }
}

/// The beginning of a text.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(NOTICE_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::cut;
    use crate::limits::NOTICE_TEXT_BYTES_MAX;

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(cut("short"), "short");
        let long = "€".repeat(NOTICE_TEXT_BYTES_MAX);
        assert!(cut(&long).len() <= NOTICE_TEXT_BYTES_MAX && cut(&long).len() > NOTICE_TEXT_BYTES_MAX - 3);
    }
}
