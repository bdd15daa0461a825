//! Requests that wait for their answer: answers carry no number, so their order is all there is (RFC 4254 section 5.4).

use std::collections::VecDeque;

/// One request that wants an answer.
#[derive(Clone, Copy, Debug)]
struct Ask {
    request: &'static str,
    /// The gateway's own answer; `None` when the other side will give it.
    settled: Option<bool>,
    /// The gateway has granted it already: the other side's answer is not passed on.
    granted: bool,
}

/// The requests of one side of a lane, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    asks: VecDeque<Ask>,
}

impl Pending {
    /// A request was sent on; the other side will answer it.
    pub(crate) fn sent_on(&mut self, request: &'static str) {
        self.asks.push_back(Ask { request, settled: None, granted: false });
    }

    /// The same of a request that the gateway has granted already.
    pub(crate) fn sent_on_granted(&mut self, request: &'static str) {
        self.asks.push_back(Ask { request, settled: None, granted: true });
    }

    /// The gateway answers this request itself, once its turn has come.
    pub(crate) fn settled(&mut self, request: &'static str, accepted: bool) {
        self.asks.push_back(Ask { request, settled: Some(accepted), granted: false });
    }

    /// The other side answered: the request that the answer is for, and whether the asker has an answer already; `None`
    /// when none waits for it.
    pub(crate) fn answered(&mut self) -> Option<(&'static str, bool)> {
        let due = self.asks.front()?.settled.is_none();
        if due { self.asks.pop_front().map(|ask| (ask.request, ask.granted)) } else { None }
    }

    /// The oldest request, if the gateway answers it itself.
    pub(crate) fn next_settled(&mut self) -> Option<(&'static str, bool)> {
        let ask = *self.asks.front()?;
        let accepted = ask.settled?;
        self.asks.pop_front();
        Some((ask.request, accepted))
    }

    /// The oldest request that has no answer yet, whoever was to give it.
    pub(crate) fn abandon(&mut self) -> Option<&'static str> {
        while let Some(ask) = self.asks.pop_front() {
            if !ask.granted {
                return Some(ask.request);
            }
        }
        None
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.asks.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.asks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Pending;

    #[test]
    fn an_answer_of_the_gateway_waits_for_its_turn() {
        let mut pending = Pending::default();
        pending.sent_on("pty-req");
        pending.settled("env", false);
        pending.sent_on("shell");
        assert_eq!(pending.next_settled(), None);
        assert_eq!(pending.answered(), Some(("pty-req", false)));
        assert_eq!(pending.next_settled(), Some(("env", false)));
        assert_eq!(pending.next_settled(), None);
        assert_eq!(pending.answered(), Some(("shell", false)));
        assert_eq!(pending.answered(), None);
    }
}
