//! The way to what is behind the gateway: one kind of upstream for each kind of target.

mod command;
pub(crate) mod http;
mod menu;
pub(crate) mod postgres;
mod refuse;
mod ssh;
mod vestibule;

pub(crate) use menu::Chooser;

use std::sync::Arc;

use wiretape_core::Reason;

use crate::config::{Config, Target, TargetKind};
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::line::{Door, Line};

/// The way to `target`, for a person who may use it. The connection to an SSH server starts at once.
pub(crate) fn reach(gateway: &Gateway, line: &Line, target: &Target, login: String, person: &str) -> Arc<dyn Door> {
    let name = target.name.clone();
    match &target.kind {
        TargetKind::Ssh(ssh) => {
            Arc::new(ssh::SshUpstream::start(line, name, (**ssh).clone(), login, gateway.learned_keys()))
        }
        TargetKind::Command(command) => {
            Arc::new(command::CommandUpstream::new(name, command.clone(), person.to_owned()))
        }
        TargetKind::Postgres(_) | TargetKind::Http(_) | TargetKind::Tunnel(_) => {
            refused(line, Reason::new("wrong-protocol", other_way(target)))
        }
    }
}

/// As [`reach`], for a session that people have to agree to: the target is reached once they have. `target` stands in
/// `config`.
pub(crate) fn reach_when_asked(
    gateway: &Arc<Gateway>,
    config: &Arc<Config>,
    target: &Target,
    login: String,
    person: &str,
) -> Arc<dyn Door> {
    let (name, person) = (target.name.clone(), person.to_owned());
    Arc::new(vestibule::Vestibule::new(Arc::clone(gateway), Arc::clone(config), name, login, person))
}

/// What somebody is told who comes to `target` by a protocol that it does not speak.
pub(crate) fn other_way(target: &Target) -> String {
    let name = &target.name;
    match &target.kind {
        TargetKind::Ssh(_) | TargetKind::Command(_) => format!("{name} is reached by SSH: ssh {name}@<gateway>"),
        TargetKind::Postgres(_) => {
            format!("{name} is a database: psql \"host=<gateway> port=<listen.postgres> user=<you> dbname={name}\"")
        }
        TargetKind::Http(_) => format!("{name} is an HTTP server: https://<gateway>:<listen.http>/{name}/"),
        TargetKind::Tunnel(_) => format!("{name} is reached by the forward proxy: http://<gateway>:<listen.proxy>"),
    }
}

/// The menu of the targets that `principal` may use.
pub(crate) fn menu(gateway: Arc<Gateway>, principal: Principal, chooser: Chooser) -> Arc<dyn Door> {
    Arc::new(menu::MenuUpstream::new(gateway, principal, chooser, reach))
}

/// The way to nothing: every lane is told `reason`.
pub(crate) fn refused(line: &Line, reason: Reason) -> Arc<dyn Door> {
    Arc::new(refuse::RefusedUpstream::start(line, reason))
}
