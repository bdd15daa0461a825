//! Sessions in forms that other programs take.

pub mod bundle;
mod copy;
pub mod har;
mod outcome;
mod quote;
mod rewrite;
pub mod sql;
