//! Asking a target of kind `ssh` about what is held for it: a command of the gateway's own, on a channel beside.

use std::time::Duration;

use russh::ChannelMsg;
use tokio::runtime::Handle;
use wiretape_core::{Asking, Carrier, Inquiry, Unanswered};

use super::SshUpstream;
use crate::line::Line;

/// How long the target may take to answer one question.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// Asks by the connection of a session.
pub(super) struct SshAsking {
    upstream: SshUpstream,
    line: Line,
    runtime: Handle,
}

impl SshAsking {
    pub(super) fn new(upstream: SshUpstream, line: Line) -> Self {
        Self { upstream, line, runtime: Handle::current() }
    }

    async fn converse(&self, inquiry: &Inquiry, hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        let Carrier::Exec { command } = &inquiry.carrier else {
            return Err(Unanswered("a question of another protocol".to_owned()));
        };
        let connection = self.upstream.connection().await.map_err(|reason| Unanswered(reason.text))?;
        let broken = |error: russh::Error| Unanswered(error.to_string());
        let mut channel = connection.channel_open_session().await.map_err(broken)?;
        if let Some(protocol) = inquiry.protocol {
            // Servers that do not take it speak the oldest version.
            channel.set_env(false, "GIT_PROTOCOL", protocol).await.map_err(broken)?;
        }
        channel.exec(true, command.to_vec()).await.map_err(broken)?;
        channel.data_bytes(inquiry.request.clone()).await.map_err(broken)?;
        channel.eof().await.map_err(broken)?;
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } if !hear(&data) => break,
                ChannelMsg::Failure => return Err(Unanswered("it does not start the command".to_owned())),
                ChannelMsg::Close => break,
                _ => {}
            }
        }
        channel.close().await.map_err(broken)
    }
}

impl Asking for SshAsking {
    fn ask(&mut self, inquiry: &Inquiry, hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.line.closed() => Err(Unanswered("the session is over".to_owned())),
                answer = tokio::time::timeout(ANSWER_TIME_MAX, self.converse(inquiry, hear)) => {
                    answer.unwrap_or_else(|_| Err(Unanswered("it did not answer in time".to_owned())))
                }
            }
        })
    }
}
