//! An office without a gateway: people, questions and targets in memory, and a real archive.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use wiretape_admin::metrics::Family;
use wiretape_admin::office::{
    Answer, Caller, Credentials, Denied, Failure, Inquiry, Known, Office, Revocation, Revoked, Task, Unfit,
    Unrecognised,
};
use wiretape_approval::{Answerer, Approvals, Asking, Petition, Principal, Rejected};
use wiretape_core::decided::NO_PERMIT;
use wiretape_core::event::Scope;
use wiretape_core::{Approvers, Decided, Lane, SessionId, Unit};
use wiretape_recorder::Archive;

/// The time, as far as this office knows.
pub(crate) const NOW: u64 = 1_800_000_000_000_000_000;

/// People with their groups. The token of each is their name.
const PEOPLE: [(&str, &[&str]); 7] = [
    ("ada", &["admins"]),
    ("max", &["admins", "outside"]),
    ("ben", &["leads"]),
    ("kim", &["leads"]),
    ("ana", &["dev"]),
    ("fox", &["leads", "banned"]),
    ("eve", &[]),
];

pub(crate) struct MemoryOffice {
    archive: Arc<Archive>,
    pub(crate) state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) approvals: Approvals,
    pub(crate) targets: BTreeMap<String, Known>,
    revocations: Vec<Revocation>,
    /// Who looked at what.
    pub(crate) reads: Vec<String>,
    /// Whether nothing can be put on the record.
    pub(crate) record_is_full: bool,
    pub(crate) ended: Vec<String>,
    /// Who may not go on with what they were let in for.
    pub(crate) gone: Vec<String>,
    next_unit: u64,
}

impl MemoryOffice {
    pub(crate) fn new(folder: &Path) -> Self {
        let office = Self { archive: Arc::new(Archive::open(folder).unwrap()), state: Mutex::default() };
        let table = json!({
            "name": "orders", "kind": "postgres", "address": "10.0.0.6:5432",
            "credential": { "command": ["print-secret", "hunter2"] },
        });
        let known = Known { name: "orders".to_owned(), at_run_time: false, table };
        office.state().targets.insert("orders".to_owned(), known);
        office
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A question of ana's for so many leads.
    pub(crate) fn ask(&self, detail: &str, leads: u32) -> String {
        let mut state = self.state();
        state.next_unit += 1;
        let asking = Asking {
            session: SessionId::from_bytes([7; 16]),
            unit: Unit { lane: Lane(1), serial: state.next_unit },
            requester: Principal { name: "ana".to_owned(), ..Principal::default() },
            target: "orders".to_owned(),
            action: "pg.query".to_owned(),
            resource: detail.to_owned(),
            detail: detail.to_owned(),
            rule: "no-where".to_owned(),
            approvers: vec![Approvers { group: "leads".to_owned(), count: leads }],
            text: "everything would go".to_owned(),
            expires_unix_nanos: NOW + 900_000_000_000,
        };
        let random = state.next_unit.to_le_bytes();
        state.approvals.ask(NOW, asking, random).unwrap()
    }
}

fn caller(name: &str, peer: SocketAddr) -> Option<Caller> {
    let (name, groups) = PEOPLE.iter().find(|(known, _)| *known == name)?;
    Some(Caller {
        answerer: Answerer {
            principal: Principal { name: (*name).to_owned(), ..Principal::default() },
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            login: String::new(),
        },
        proof: "token".to_owned(),
        address: Some(peer),
        ..Caller::default()
    })
}

fn has(caller: &Caller, group: &str) -> bool {
    caller.answerer.groups.iter().any(|known| known == group)
}

impl Office for MemoryOffice {
    fn now_unix_nanos(&self) -> u64 {
        NOW
    }

    fn authenticate(&self, credentials: Credentials, peer: SocketAddr) -> Answer<'_, Result<Caller, Unrecognised>> {
        Box::pin(async move {
            let (name, token) = match &credentials {
                Credentials::Bearer(token) => (token.expose_secret().to_owned(), token),
                Credentials::Basic { name, password } => (name.clone(), password),
            };
            if token.expose_secret() == "guess" {
                return Err(Unrecognised::HeldOff { seconds: 30 });
            }
            let wrong = || Unrecognised::Wrong("the token is not good".to_owned());
            caller(&name, peer).filter(|_| token.expose_secret() == name).ok_or_else(wrong)
        })
    }

    fn may(&self, caller: &Caller, task: Task, target: &str) -> Result<(), Denied> {
        if has(caller, "banned") {
            return Err(Denied { rules: vec!["banned".to_owned()], text: "you are banned".to_owned() });
        }
        if has(caller, "outside") && target == "orders" {
            return Err(Denied { rules: vec!["not-orders".to_owned()], text: String::new() });
        }
        let permitted = has(caller, "admins") || (has(caller, "dev") && task == Task::SessionList && target == "web1");
        if permitted { Ok(()) } else { Err(Denied { rules: vec![NO_PERMIT.to_owned()], text: String::new() }) }
    }

    fn still(&self, caller: &Caller) -> bool {
        !self.state().gone.contains(&caller.answerer.principal.name)
    }

    fn archive(&self) -> Arc<Archive> {
        Arc::clone(&self.archive)
    }

    fn note_read(&self, caller: &Caller, session: SessionId, what: &str) -> Answer<'_, Result<(), Failure>> {
        let mut state = self.state();
        let noted = if state.record_is_full {
            Err(Failure::OutOfOrder("the disk is full".to_owned()))
        } else {
            state.reads.push(format!("{} {session} {what}", caller.answerer.principal.name));
            Ok(())
        };
        Box::pin(async { noted })
    }

    fn end_session(&self, caller: &Caller, session: SessionId, why: &str) -> bool {
        let live = self.archive.find(&session.to_string()).is_ok_and(|row| row.state.name() == "live");
        if live {
            self.state().ended.push(format!("{} {session} {why}", caller.answerer.principal.name));
        }
        live
    }

    fn questions(&self, ended: bool) -> Vec<Petition> {
        let state = self.state();
        let mut questions: Vec<Petition> = state.approvals.open().into_iter().cloned().collect();
        if ended {
            questions.extend(state.approvals.ended().cloned());
        }
        questions
    }

    fn question(&self, id: &str) -> Option<Petition> {
        self.state().approvals.get(id).cloned()
    }

    fn answer(
        &self,
        caller: &Caller,
        id: &str,
        approve: bool,
        why: String,
        scope: Scope,
    ) -> Result<Petition, Rejected> {
        let mut state = self.state();
        state.approvals.answer(NOW + 1, id, &caller.answerer, approve, why, scope)?;
        state.approvals.get(id).cloned().ok_or(Rejected::Unknown)
    }

    fn take_back(&self, _caller: &Caller, id: &str) -> bool {
        self.state().approvals.take_back(id)
    }

    fn targets(&self) -> Vec<Known> {
        self.state().targets.values().cloned().collect()
    }

    fn put_target(&self, _caller: &Caller, table: Value, create: bool) -> Answer<'_, Result<Known, Unfit>> {
        Box::pin(async move {
            let mut state = self.state();
            let name = table["name"].as_str().unwrap().to_owned();
            match state.targets.get(&name) {
                Some(_) if create => return Err(Unfit::Taken(name)),
                None if !create => return Err(Unfit::Unknown(name)),
                Some(known) if !known.at_run_time => return Err(Unfit::Configured(name)),
                _ => {}
            }
            if table.get("address").is_none_or(|address| !address.is_string()) {
                return Err(Unfit::Faulty("address is missing".to_owned()));
            }
            let known = Known { name: name.clone(), at_run_time: true, table };
            state.targets.insert(name, known.clone());
            Ok(known)
        })
    }

    fn remove_target(&self, _caller: &Caller, name: &str) -> Answer<'_, Result<(), Unfit>> {
        let mut state = self.state();
        let removed = match state.targets.get(name) {
            None => Err(Unfit::Unknown(name.to_owned())),
            Some(known) if !known.at_run_time => Err(Unfit::Configured(name.to_owned())),
            Some(_) => {
                state.targets.remove(name);
                Ok(())
            }
        };
        Box::pin(async { removed })
    }

    fn check(&self, inquiry: &Inquiry) -> Option<Decided> {
        self.state().targets.get(&inquiry.target)?;
        let rules = vec!["no-where".to_owned()];
        Some(match inquiry.action.as_ref().map(|action| (action.name(), action.resource())) {
            None => Decided::Allow { rules: vec!["default".to_owned()] },
            Some(("pg.query", text)) if text.starts_with("delete") => Decided::Ask {
                rules,
                approvers: vec![Approvers { group: "leads".to_owned(), count: 1 }],
                text: "everything would go".to_owned(),
            },
            Some(_) => Decided::Refuse { rules: Vec::new(), text: "nothing permits it".to_owned() },
        })
    }

    fn revocations(&self) -> Vec<Revocation> {
        self.state().revocations.clone()
    }

    fn revoke(&self, _caller: &Caller, what: Revoked) -> Answer<'_, Result<Revocation, Failure>> {
        let revocation = Revocation { what, since_unix_nanos: NOW };
        let mut state = self.state();
        state.revocations.retain(|known| known.what != revocation.what);
        state.revocations.push(revocation.clone());
        Box::pin(async { Ok(revocation) })
    }

    fn reinstate(&self, _caller: &Caller, what: &Revoked) -> Answer<'_, Result<bool, Failure>> {
        let mut state = self.state();
        let before = state.revocations.len();
        state.revocations.retain(|known| known.what != *what);
        let found = state.revocations.len() < before;
        Box::pin(async move { Ok(found) })
    }

    fn login(&self) -> Value {
        json!({ "issuers": [{
            "name": "corp", "url": "https://id.example.com", "client_id": "wiretape",
            "scopes": ["openid"], "token": "id_token", "resource": "",
        }] })
    }

    fn certify(
        &self,
        caller: &Caller,
        _credentials: Credentials,
        public_key: String,
    ) -> Answer<'_, Result<Value, Failure>> {
        let name = caller.answerer.principal.name.clone();
        Box::pin(async move {
            if !public_key.starts_with("ssh-ed25519 ") {
                return Err(Failure::Useless("that is no key".to_owned()));
            }
            Ok(json!({
                "certificate": "ssh-ed25519-cert-v01@openssh.com AAAA", "name": name, "kind": "person",
                "serial": "17", "expires_unix": 1, "authority": "ssh-ed25519 AAAA",
            }))
        })
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    fn figures(&self) -> Vec<Family> {
        vec![Family::gauge("wiretape_sessions_live", "Sessions that run now.", 1.0)]
    }
}
