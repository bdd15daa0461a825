//! What a PostgreSQL session says, for reading: its messages taken apart, its values as text, its answers joined to what
//! was asked.

pub mod aligned;
pub mod dialogue;
pub mod function;
pub mod message;
pub mod report;
#[cfg(test)]
mod sent;
pub mod types;
pub mod value;
