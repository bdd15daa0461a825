//! What names stand for: statements and the types of their parameters, portals and their statements.
//!
//! It is kept for reading: what a name stood for when a message used it. What the target makes of it, the target says.

use std::collections::BTreeMap;

use bytes::Bytes;
use wiretape_core::event::{Parameter, Prepared, QueryEvent};
use wiretape_core::limits::POSTGRES_NAMES_KEPT_MAX;

use crate::block::Boundary;
use crate::limits::{NAME_KEPT_BYTES_MAX, TYPES_KEPT_MAX};

/// Things by name. When there are too many, the oldest is forgotten.
#[derive(Debug)]
struct Kept<T> {
    by_name: BTreeMap<Bytes, (u64, T)>,
    by_age: BTreeMap<u64, Bytes>,
    serial: u64,
}

impl<T> Kept<T> {
    fn new() -> Self {
        Self { by_name: BTreeMap::new(), by_age: BTreeMap::new(), serial: 0 }
    }

    fn get(&self, name: &[u8]) -> Option<&T> {
        self.by_name.get(name).map(|(_, thing)| thing)
    }

    /// The number of the thing that `name` names; it is never another's.
    fn serial(&self, name: &[u8]) -> Option<u64> {
        self.by_name.get(name).map(|(serial, _)| *serial)
    }

    fn numbered(&mut self, serial: u64) -> Option<&mut T> {
        let name = self.by_age.get(&serial)?;
        self.by_name.get_mut(name).map(|(_, thing)| thing)
    }

    /// Keeps a thing, and gives what is forgotten for it.
    fn keep(&mut self, name: &[u8], thing: T) -> [Option<T>; 2] {
        let before = self.forget(name);
        if name.len() > NAME_KEPT_BYTES_MAX {
            return [before, None];
        }
        let oldest = if self.by_name.len() < POSTGRES_NAMES_KEPT_MAX { None } else { self.forget_oldest() };
        self.serial += 1;
        // A name of its own: a slice would keep all that was said with it.
        let name = Bytes::copy_from_slice(name);
        self.by_age.insert(self.serial, name.clone());
        self.by_name.insert(name, (self.serial, thing));
        [before, oldest]
    }

    fn forget(&mut self, name: &[u8]) -> Option<T> {
        let (serial, thing) = self.by_name.remove(name)?;
        self.by_age.remove(&serial);
        Some(thing)
    }

    fn forget_oldest(&mut self) -> Option<T> {
        let (_, name) = self.by_age.pop_first()?;
        self.by_name.remove(&name).map(|(_, thing)| thing)
    }
}

#[derive(Debug)]
struct Statement {
    /// Types of parameters, 0 where nobody said them yet.
    types: Vec<u32>,
    boundary: Boundary,
}

/// The names of a session.
#[derive(Debug)]
pub(crate) struct Names {
    statements: Kept<Statement>,
    /// Names of statements.
    portals: Kept<Bytes>,
    types_kept: usize,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { statements: Kept::new(), portals: Kept::new(), types_kept: 0 }
    }

    /// Fills in what `event` leaves open, as the names stand now.
    pub(crate) fn join(&self, event: &mut QueryEvent) {
        match event {
            QueryEvent::Bind { statement, parameters, .. } => {
                let types = self.statements.get(statement).map_or([].as_slice(), |statement| &statement.types);
                for (Parameter { type_id, .. }, known) in parameters.iter_mut().zip(types) {
                    *type_id = *known;
                }
            }
            QueryEvent::Execute { portal, statement, .. } => *statement = self.portals.get(portal).cloned(),
            _ => {}
        }
    }

    /// A message of the client went to the target: names stand for what it says.
    pub(crate) fn hear(&mut self, event: &QueryEvent) {
        match event {
            QueryEvent::Parse { statement, text, types } => {
                self.prepare(statement, Statement { types: types.clone(), boundary: Boundary::of(text) });
            }
            QueryEvent::Bind { portal, statement, .. } => self.bind(portal, statement),
            QueryEvent::Close { of: Prepared::Statement, name } => self.unprepare(name),
            QueryEvent::Close { of: Prepared::Portal, name } => drop(self.portals.forget(name)),
            // A simple query takes the place of what has no name.
            QueryEvent::Simple { .. } => {
                self.unprepare(b"");
                self.portals.forget(b"");
            }
            _ => {}
        }
    }

    /// A portal was made of a statement.
    pub(crate) fn bind(&mut self, portal: &Bytes, statement: &Bytes) {
        // A name too long to be kept is not known, rather than known for another.
        if self.portals.get(portal) == Some(statement) {
            // It stands for that already: most sessions use one portal for one statement.
        } else if statement.len() > NAME_KEPT_BYTES_MAX {
            self.portals.forget(portal);
        } else {
            self.portals.keep(portal, Bytes::copy_from_slice(statement));
        }
    }

    /// A portal was made, and nobody knows which.
    pub(crate) fn bind_unknown(&mut self) {
        self.portals = Kept::new();
    }

    /// What running a portal does to the client's own transaction, as far as it is known what it was made of.
    pub(crate) fn boundary(&self, portal: &[u8]) -> Option<Boundary> {
        Some(self.statements.get(self.portals.get(portal)?)?.boundary)
    }

    /// The number under which [`Names::describe`] finds a statement.
    pub(crate) fn statement(&self, name: &[u8]) -> Option<u64> {
        self.statements.serial(name)
    }

    /// The target says the types of a statement's parameters: those that the client left open are known now.
    pub(crate) fn describe(&mut self, statement: u64, described: &[u32]) {
        let Some(Statement { types, .. }) = self.statements.numbered(statement) else { return };
        let before = types.len();
        for (place, described) in described.iter().enumerate() {
            match types.get_mut(place) {
                Some(known) if *known == 0 => *known = *described,
                Some(_) => {}
                None => types.push(*described),
            }
        }
        self.types_kept += types.len() - before;
        self.forget_types();
    }

    fn prepare(&mut self, name: &[u8], statement: Statement) {
        let count = if name.len() > NAME_KEPT_BYTES_MAX { 0 } else { statement.types.len() };
        let forgotten = self.statements.keep(name, statement);
        let forgotten: usize = forgotten.iter().flatten().map(|statement| statement.types.len()).sum();
        self.types_kept = self.types_kept + count - forgotten;
        self.forget_types();
    }

    fn unprepare(&mut self, name: &[u8]) {
        self.types_kept -= self.statements.forget(name).map_or(0, |statement| statement.types.len());
    }

    fn forget_types(&mut self) {
        while self.types_kept > TYPES_KEPT_MAX {
            let Some(statement) = self.statements.forget_oldest() else { break };
            self.types_kept -= statement.types.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(statement: &[u8], types: &[u32]) -> QueryEvent {
        let statement = Bytes::copy_from_slice(statement);
        QueryEvent::Parse { statement, text: Bytes::new(), types: types.to_vec() }
    }

    /// The types of `count` parameters that are bound to a statement.
    fn types(names: &Names, statement: &[u8], count: usize) -> Vec<u32> {
        let mut event = QueryEvent::Bind {
            portal: Bytes::new(),
            statement: Bytes::copy_from_slice(statement),
            formats: Vec::new(),
            parameters: vec![Parameter { type_id: 0, value: None }; count],
            result_formats: Vec::new(),
        };
        names.join(&mut event);
        let QueryEvent::Bind { parameters, .. } = event else { unreachable!() };
        parameters.iter().map(|parameter| parameter.type_id).collect()
    }

    fn statement(names: &Names, portal: &'static str) -> Option<Bytes> {
        let mut event = QueryEvent::Execute { portal: portal.into(), statement: None, rows_max: 0 };
        names.join(&mut event);
        let QueryEvent::Execute { statement, .. } = event else { unreachable!() };
        statement
    }

    #[test]
    fn types_come_from_the_client_and_then_from_the_target() {
        let mut names = Names::new();
        names.hear(&parse(b"s", &[23, 0]));
        assert_eq!(types(&names, b"s", 3), [23, 0, 0]);
        let serial = names.statement(b"s").unwrap();
        names.describe(serial, &[20, 25, 16]);
        assert_eq!(types(&names, b"s", 3), [23, 25, 16]);
        // Another statement of that name is another.
        names.hear(&parse(b"s", &[]));
        names.describe(serial, &[1, 2, 3]);
        assert_eq!(types(&names, b"s", 3), [0, 0, 0]);
        assert_eq!(names.types_kept, 0);
    }

    #[test]
    fn portals_know_their_statement_until_they_are_closed() {
        let mut names = Names::new();
        names.bind(&"p".into(), &"s".into());
        names.bind(&"".into(), &"t".into());
        assert_eq!((statement(&names, "p"), statement(&names, "")), (Some("s".into()), Some("t".into())));
        names.hear(&QueryEvent::Simple { text: Bytes::new() });
        assert_eq!((statement(&names, "p"), statement(&names, "")), (Some("s".into()), None));
        names.hear(&QueryEvent::Close { of: Prepared::Portal, name: "p".into() });
        assert_eq!(statement(&names, "p"), None);
        names.bind(&"p".into(), &vec![b'x'; NAME_KEPT_BYTES_MAX + 1].into());
        assert_eq!(statement(&names, "p"), None);
    }

    #[test]
    fn a_portal_is_known_for_what_it_does_to_a_transaction() {
        let mut names = Names::new();
        for (statement, text) in [(&b"b"[..], "BEGIN"), (b"c", "COMMIT"), (b"", "SELECT 1")] {
            let (statement, text) = (Bytes::copy_from_slice(statement), Bytes::from(text));
            names.hear(&QueryEvent::Parse { statement: statement.clone(), text, types: vec![] });
            names.bind(&statement, &statement);
        }
        let known = [Some(Boundary::Begin), Some(Boundary::End), Some(Boundary::Neither), None];
        assert_eq!([&b"b"[..], b"c", b"", b"other"].map(|portal| names.boundary(portal)), known);
        names.bind_unknown();
        assert_eq!(names.boundary(b"b"), None);
    }

    #[test]
    fn names_that_are_kept_are_bounded() {
        let mut names = Names::new();
        for number in 0..10_000u32 {
            names.hear(&parse(&number.to_be_bytes(), &[number]));
            names.bind(&Bytes::copy_from_slice(&number.to_be_bytes()), &Bytes::new());
        }
        names.hear(&parse(&[b'x'; NAME_KEPT_BYTES_MAX + 1], &[7]));
        assert_eq!(names.statements.by_name.len(), POSTGRES_NAMES_KEPT_MAX);
        assert_eq!(names.statements.by_age.len(), POSTGRES_NAMES_KEPT_MAX);
        assert_eq!(names.portals.by_name.len(), POSTGRES_NAMES_KEPT_MAX);
        assert_eq!(names.types_kept, POSTGRES_NAMES_KEPT_MAX);
        assert_eq!(types(&names, &9_999u32.to_be_bytes(), 1), [9_999]);
        assert_eq!(types(&names, &1u32.to_be_bytes(), 1), [0]);
    }

    #[test]
    fn types_that_are_kept_are_bounded() {
        let mut names = Names::new();
        for number in 0..20u8 {
            names.hear(&parse(&[number], &[]));
            let serial = names.statement(&[number]).unwrap();
            names.describe(serial, &[25; 65_535]);
            assert!(names.types_kept <= TYPES_KEPT_MAX);
            assert_eq!(types(&names, &[number], 1), [25]);
        }
        assert_eq!(names.statements.by_name.len(), 4);
        names.hear(&QueryEvent::Close { of: Prepared::Statement, name: Bytes::from_static(&[19]) });
        assert_eq!(names.types_kept, 3 * 65_535);
    }
}
