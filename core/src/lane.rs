//! One stream inside a connection.

/// A lane: an SSH channel, an HTTP exchange, the one stream of a Postgres connection.
///
/// Lanes are numbered from 1 in the order in which they opened and are never reused inside a session.
/// Lane 0 is the connection itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(pub u32);

impl Lane {
    /// The connection itself.
    pub const CONNECTION: Self = Self(0);
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}
