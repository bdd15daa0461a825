//! The way to what is behind the gateway: one kind of upstream for each kind of target.

mod command;
mod menu;
mod refuse;
mod ssh;

use std::sync::Arc;

use wiretape_core::{Lane, Reason};

use crate::config::{CommandTarget, SshTarget};
use crate::gateway::Gateway;
use crate::host_keys::LearnedKeys;
use crate::identity::Principal;
use crate::line::{Door, Line};
use crate::outlet::OutletQueue;

/// What stands behind one session.
#[derive(Clone)]
pub(crate) enum Upstream {
    /// An SSH server.
    Ssh(ssh::SshUpstream),
    /// A program on this host.
    Command(command::CommandUpstream),
    /// The choice between the targets that a person may use.
    Menu(Box<menu::MenuUpstream>),
    /// Nothing: the session was refused.
    Refused(Reason),
}

impl Upstream {
    /// An SSH server, to which the connection starts at once.
    pub(crate) fn ssh(line: &Line, name: String, target: SshTarget, login: String, learned: Arc<LearnedKeys>) -> Self {
        Self::Ssh(ssh::SshUpstream::start(line, name, target, login, learned))
    }

    /// A program, started for each lane.
    pub(crate) fn command(name: String, target: CommandTarget, person: String) -> Self {
        Self::Command(command::CommandUpstream::new(name, target, person))
    }

    /// The menu of the targets that `principal` may use.
    pub(crate) fn menu(gateway: Arc<Gateway>, principal: Principal) -> Self {
        Self::Menu(Box::new(menu::MenuUpstream::new(gateway, principal)))
    }

    /// Nothing; every lane is told `reason`.
    pub(crate) fn refused(line: &Line, reason: Reason) -> Self {
        let (line, told) = (line.clone(), reason.clone());
        tokio::spawn(async move { refuse::when_idle(&line, told).await });
        Self::Refused(reason)
    }

    /// Serves one lane until it ends. `opened`: the client was already told that the lane is open.
    async fn serve(self, line: Line, lane: Lane, queue: OutletQueue, opened: bool) {
        match self {
            Self::Ssh(upstream) => upstream.serve(line, lane, queue, opened).await,
            Self::Command(upstream) => upstream.serve(line, lane, queue, opened).await,
            Self::Menu(upstream) => Box::pin(upstream.serve(line, lane, queue)).await,
            Self::Refused(reason) => refuse::lane(line, lane, queue, reason).await,
        }
    }
}

impl Door for Upstream {
    fn open(&self, line: &Line, lane: Lane, queue: OutletQueue) {
        tokio::spawn(self.clone().serve(line.clone(), lane, queue, false));
    }
}
