//! What a PostgreSQL session says, for reading: its messages taken apart, its values as text, its answers joined to what
//! was asked.

pub mod dialogue;
pub mod message;
pub mod types;
pub mod value;
