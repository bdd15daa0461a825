//! The API of a gateway that serves, asked by curl, and what it brings about for people with their own clients.

mod approvals;
mod crowd;
mod hall;
mod notices;
mod recordings;
mod schemathesis;
mod targets;
